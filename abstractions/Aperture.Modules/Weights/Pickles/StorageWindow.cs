namespace Aperture.Weights;

/// <summary>What a persistent id names: a storage, or in old files a part of one. Offset and count are in elements of the storage.</summary>
internal sealed record StorageWindow(PickledStorage Storage, long Offset, long Count);
