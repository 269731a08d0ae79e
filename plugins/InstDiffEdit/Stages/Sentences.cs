using Aperture.Diffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.InstDiffEdit.Stages;

/// <summary>Sentences as rows for the UNet.</summary>
internal static class Sentences
{
    /// <summary>The rows of a sentence, <c>[1, K, D]</c>; the caller disposes them.</summary>
    /// <param name="model">The model.</param>
    /// <param name="sentence">The sentence; empty for none.</param>
    /// <param name="rounded">Whether they are rounded to half precision and back.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    public static Tensor Rows(DiffusionModel model, string sentence, bool rounded, CancellationToken cancellationToken)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor rows = model.Encode(sentence, cancellationToken);
        return (rounded ? rows.to(ScalarType.Float16).to(ScalarType.Float32) : rows).MoveToOuterDisposeScope();
    }

    /// <summary>A UNet guided by a sentence; the caller disposes it.</summary>
    public static GuidedDenoiser Guide(DiffusionModel model, string sentence, int samples, double guidance, bool rounded, CancellationToken cancellationToken)
    {
        using Tensor without = Rows(model, "", rounded, cancellationToken), with = Rows(model, sentence, rounded, cancellationToken);
        return new GuidedDenoiser(model, without, with, samples, guidance);
    }

    /// <summary>The text of each token of a sentence, both ends among them, without blanks.</summary>
    public static string[] Tokens(DiffusionModel model, string sentence)
        => [.. model.Tokenizer.Encode(sentence).Select(id => model.Tokenizer.Decode([id], skipSpecialTokens: false).Trim())];
}
