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
    /// Whether what training wrappers put into names is left out, in every format: a prefix that every name begins with (<c>module.</c>,
    /// <c>_forward_module.</c>, <c>base_model.model.</c>), and anywhere <c>_orig_mod.</c>, <c>_fsdp_wrapped_module.</c> and
    /// <c>_checkpoint_wrapped_module.</c>.
    /// </summary>
    public bool StripModule { get; init; } = true;

    /// <summary>
    /// Whether a file without tensors is refused. Turn it off to read other saved objects, such as a vocabulary, through <see cref="TorchFile.Content"/>.
    /// </summary>
    public bool RequireTensors { get; init; } = true;

    /// <summary>Gets a line where a folder offers several sets of weights, about the one that is taken; null for nobody.</summary>
    public Action<string>? OnNotice { get; init; }
}
