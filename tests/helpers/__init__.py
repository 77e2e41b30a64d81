"""What several test files share, each kind in a module: no test file imports another."""
