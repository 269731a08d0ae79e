namespace Aperture.Weights;

/// <summary>How <see cref="WeightFiles"/> reads PyTorch pickles. Safetensors files need none of it.</summary>
public sealed record WeightFileOptions
{
    /// <summary>
    /// Whether values of unknown classes (argument lists, optimizers, configurations) beside the tensors are passed over.
    /// Nothing of them is ever run. By default a file that names an unknown class is refused.
    /// </summary>
    public bool Lenient { get; init; }

    /// <summary>
    /// Where in the saved object the tensors lie: names of nested dictionaries with <c>/</c> between, such as <c>model</c> or <c>ema/state_dict</c>.
    /// Null takes the object itself, or where it holds no tensor its <c>state_dict</c>, <c>model</c>, <c>module</c> or <c>ema_state</c>. The empty string takes the object itself, nested names joined with dots.
    /// </summary>
    public string? Container { get; init; }

    /// <summary>Whether a <c>module.</c> that every name begins with is left out (the trace of data-parallel training).</summary>
    public bool StripModule { get; init; } = true;
}
