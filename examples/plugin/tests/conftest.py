"""The kit of tcore: the option --backend, the fixture backend."""

pytest_plugins = ["tcore.testing.plugin"]
