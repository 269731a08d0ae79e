namespace Aperture.Weights;

/// <summary>How <see cref="WeightFiles"/> reads PyTorch pickles. Safetensors files need none of it.</summary>
public sealed record WeightFileOptions
{
    /// <summary>
    /// Whether values of unknown classes (argument lists, optimizers, configurations) beside the tensors are passed over, and parameters and buffers found in
    /// whole modules that were saved: with <c>torch.save</c>, as a plain pickle, or as a TorchScript archive.
    /// Nothing of a file is ever run. By default a file that names an unknown class is refused.
    /// </summary>
    public bool Lenient { get; init; }

    /// <summary>
    /// Where in the saved object the tensors lie: names of nested dictionaries with <c>/</c> between, such as <c>model</c> or <c>ema/state_dict</c>.
    /// Null takes the first of <c>state_dict</c>, <c>model</c>, <c>module</c> and <c>ema_state</c> that holds tensors, or where none does the object itself.
    /// The empty string takes the object itself, nested names joined with dots.
    /// </summary>
    public string? Container { get; init; }

    /// <summary>
    /// Whether a prefix that every name begins with and that is the trace of a training wrapper is left out: <c>module.</c>, <c>_orig_mod.</c> or
    /// <c>base_model.model.</c>, in every format.
    /// </summary>
    public bool StripModule { get; init; } = true;

    /// <summary>
    /// Whether a file without tensors is refused. Turn it off to read other saved objects, such as a vocabulary, through <see cref="TorchFile.Content"/>.
    /// </summary>
    public bool RequireTensors { get; init; } = true;

    /// <summary>Gets a line where a folder offers several sets of weights, about the one that is taken; null for nobody.</summary>
    public Action<string>? OnNotice { get; init; }
}
