"""What is public: the documented pipeline and its context."""
