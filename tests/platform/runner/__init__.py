"""Builds the suite of the platform glue and the example stacks for each platform, runs them, and collects what they say."""
