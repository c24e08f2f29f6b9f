"""Every page there is, in one table: tests walk it, and the command that takes the screenshots does."""
