"""Small faults in emitted C: what can be put in, how the tests are run against it, and what no test can see."""
