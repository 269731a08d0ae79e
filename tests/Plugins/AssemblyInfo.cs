// Tests share the live-tensor count.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
