using System.Text.Json;
using static TorchSharp.torch;

namespace Aperture.Measuring;

/// <summary>What figures were measured on. Every table and every JSON of figures names it, because machines differ.</summary>
/// <param name="Type">The element type computed in.</param>
/// <param name="Device">The device, as the command line names it.</param>
/// <param name="Threads">Threads on the CPU.</param>
/// <param name="Processor">Name of the CPU or, where a GPU computes, of the GPU.</param>
public sealed record MeasuredOn(ScalarType Type, string Device, int Threads, string Processor)
{
    /// <summary>What matrices are kept in where that is not what the checkpoint stores, such as <c>int8</c>; else null.</summary>
    public string? Weights { get; init; }

    /// <summary>What keys and values are cached in where that is not the type computed in, such as <c>int8</c>; else null.</summary>
    public string? Cache { get; init; }

    /// <summary>
    /// One line: <c>BFloat16 on cpu, 2 thread(s), AMD EPYC 9R14</c>, <c>BFloat16 with int8 weights on cpu, …</c> or
    /// <c>Float32 with int8 weights and int8 KV on cpu, …</c>.
    /// </summary>
    public override string ToString()
    {
        string[] narrowed = [.. Weights is null ? [] : (string[])[$"{Weights} weights"], .. Cache is null ? [] : (string[])[$"{Cache} KV"]];
        string with = narrowed.Length == 0 ? "" : $" with {string.Join(" and ", narrowed)}";
        return $"{Type}{with} on {Device}, {Threads} thread(s), {Processor}";
    }

    /// <summary>
    /// Writes the properties <c>type</c>, <c>device</c>, <c>threads</c> and <c>processor</c>, besides <c>weights</c> where they are not as stored and
    /// <c>cache</c> where keys and values are not kept in the type computed in, into the object that is open.
    /// </summary>
    /// <param name="json">The writer.</param>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteString("type", Type.ToString());
        if (Weights is not null)
        {
            json.WriteString("weights", Weights);
        }

        if (Cache is not null)
        {
            json.WriteString("cache", Cache);
        }

        json.WriteString("device", Device);
        json.WriteNumber("threads", Threads);
        json.WriteString("processor", Processor);
    }
}
