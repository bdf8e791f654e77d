class TestHealth:
    def test_says_alive_without_asking_the_database(self, client):
        answer = client.get("/healthz")

        assert (answer.status_code, answer.json) == (200, {"status": "alive"})

    def test_says_ready_when_the_schema_is_the_newest(self, client):
        answer = client.get("/readyz")

        assert (answer.status_code, answer.json) == (200, {"status": "ready"})
