using Aperture.Models;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Lavin;

/// <summary>
/// LaVIN's sequence: begin of sequence, prefix, picture, prompt, and in front of it the modality token, which no other row attends to. Text keeps the positions
/// that follow it, but a generated token's position is counted without it: it has the last prompt row's once more, as in the official code.
/// </summary>
internal sealed class LavinPacker() : PlaceholderPacker(Placeholder)
{
    /// <summary>Stands for a picture in token ids; no token has it.</summary>
    public const int Placeholder = -200;

    /// <inheritdoc/>
    public override PackedPrompt Pack(PackInput input)
    {
        using PackedPrompt text = base.Pack(input);
        return WithModality(text, (LavinProjection)input.Projector!, input.Images.Count > 0);
    }

    /// <summary>A sequence with the modality token in front.</summary>
    /// <param name="text">Begin of sequence, prefix, picture, prompt; borrowed.</param>
    /// <param name="projection">Holds the tokens.</param>
    /// <param name="hasImage">Which of them.</param>
    /// <returns>Rows <c>[1 + text, d]</c> and their layout; the caller disposes them.</returns>
    internal static PackedPrompt WithModality(PackedPrompt text, LavinProjection projection, bool hasImage)
    {
        using Tensor modality = projection.Modalities.narrow(0, hasImage ? 1 : 0, 1);
        Tensor rows = cat([modality, text.Rows], 0); // [text, d] -> [1 + text, d]
        SequenceLayout layout = SequenceLayout.Create([new Span(SpanKind.System, 1) { Private = true }, .. text.Layout.OriginalSpans]);
        return text with { Rows = rows.DetachFromDisposeScope(), Layout = layout, NextPosition = text.Layout.Count };
    }
}
