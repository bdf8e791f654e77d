"""One sale of one device, from the promise to the release of the money."""
