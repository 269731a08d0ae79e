namespace Aperture.Weights;

/// <summary>One tensor of a safetensors header, checked. Offsets count from the first byte after the header.</summary>
internal sealed record SafetensorsEntry(string Name, StoredType Type, long[] Shape, long Count, long Begin, long End);
