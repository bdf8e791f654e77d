"""The least that Flask can do, to compare with."""

from flask import Flask

app = Flask("hello")
app.add_url_rule("/", "hello", lambda: "hello")
