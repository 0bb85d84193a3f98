"""Play the test conversations in `flows/tests/*.yaml`, which liaisons read and write."""
