using Aperture.Data;
using Aperture.Decoding;

namespace Aperture.Quantizing;

/// <summary>How a checkpoint is quantised.</summary>
public sealed record QuantizeOptions
{
    /// <summary>The format, <see cref="WeightFormat.Int8"/> or <see cref="WeightFormat.Int4"/>.</summary>
    public WeightFormat Format { get; init; } = WeightFormat.Int8;

    /// <summary>Inputs that share a scale and a zero in four bits: 32 or 64.</summary>
    public int Group { get; init; } = 32;

    /// <summary>Whether the output matrix stays as it is stored, because some programs cannot read it in few bits.</summary>
    public bool KeepHead { get; init; }

    /// <summary>Questions whose activations tell which errors count, for four bits; none to round to nearest.</summary>
    public IReadOnlyList<QuestionItem> Questions { get; init; } = [];

    /// <summary>Fails where options do not go together.</summary>
    /// <returns>The options.</returns>
    /// <exception cref="ApertureException">They do not; the message says which.</exception>
    public QuantizeOptions Validate()
    {
        if (Format is not (WeightFormat.Int8 or WeightFormat.Int4))
        {
            throw new ApertureException($"Weights in '{Format.ToString().ToLowerInvariant()}' are not quantised; give int8 or int4 (--weights).");
        }

        if (Group is not (32 or 64))
        {
            throw new ApertureException($"Groups of {Group} inputs are not supported; give 32 or 64 (--group).");
        }

        if (Format == WeightFormat.Int8 && Group != new QuantizeOptions().Group)
        {
            throw new ApertureException($"Eight bits have a scale for each output and no groups, but --group is {Group}; leave it out or use int4.");
        }

        if (Format == WeightFormat.Int8 && Questions.Count > 0)
        {
            throw new ApertureException("Eight bits are rounded to nearest and have nothing to fit on questions; leave --on out, or give --weights int4.");
        }

        return this;
    }
}
