using Aperture.Plugins.E3FaceNet.Fields;
using Aperture.Plugins.E3FaceNet.Synthesis;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet;

/// <summary>What all views of a face share. Borrows everything but offsets that it keeps.</summary>
/// <param name="Kernels">The face's field, modulated.</param>
/// <param name="BlockStyles">Styles of the blocks, <c>[1, n, D]</c>.</param>
/// <param name="Prompt">The sentence; null for none.</param>
/// <param name="Edit">The edit's sentence mixed with it; null for none.</param>
/// <param name="Inputs">What the face is made of.</param>
internal sealed record FaceScene(FieldKernels Kernels, Tensor BlockStyles, PromptMix? Prompt, PromptMix? Edit, FaceInputs Inputs) : IDisposable
{
    /// <summary>Offsets of styles that all views take, one a block, <c>[1, 1, D]</c>; null until they are kept.</summary>
    public IReadOnlyList<Tensor>? Offsets { get; private set; }

    /// <summary>The same of the edited face.</summary>
    public IReadOnlyList<Tensor>? EditOffsets { get; private set; }

    /// <summary>Keeps the first view's offsets for all views that follow.</summary>
    /// <param name="offsets">One a block, <c>[B, 1, D]</c>; borrowed.</param>
    /// <param name="edits">Whether they are the edited face's.</param>
    public void Keep(IReadOnlyList<Tensor> offsets, bool edits)
    {
        Tensor[] kept = [.. offsets.Select(offset => offset.narrow(0, 0, 1).clone().DetachFromDisposeScope())];
        if (edits)
        {
            EditOffsets = kept;
        }
        else
        {
            Offsets = kept;
        }
    }

    /// <summary>Disposes kept offsets.</summary>
    public void Dispose()
    {
        foreach (Tensor offset in (IEnumerable<Tensor>)[.. Offsets ?? [], .. EditOffsets ?? []])
        {
            offset.Dispose();
        }
    }
}
