// Replaced by the classes of the store.
