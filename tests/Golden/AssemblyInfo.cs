// Cases share the live-tensor count and one torch thread.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
