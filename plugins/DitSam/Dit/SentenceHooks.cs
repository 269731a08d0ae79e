using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DitSam.Dit;

/// <summary>Puts a sentence's rows in front of the picture's and gives each block those that it shall get.</summary>
internal static class SentenceHooks
{
    /// <summary>The callbacks, before others.</summary>
    /// <param name="model">The model.</param>
    /// <param name="sentences">One sentence, or one a picture; borrowed by the callbacks.</param>
    /// <param name="batch">Number of pictures.</param>
    /// <param name="others">Callbacks that get what these made; null for none.</param>
    /// <param name="dropout">Probability of dropping a projected value.</param>
    /// <returns>Callbacks whose tensors are in the caller's scope.</returns>
    /// <exception cref="ApertureException">The others bring prefix rows of their own.</exception>
    public static VisionTrunkHooks Of(DitModel model, DitSentences sentences, int batch, VisionTrunkHooks? others, double dropout)
    {
        if (others?.PrefixRows is not null)
        {
            throw new ApertureException("The rows in front of the picture's are the sentence's here; PrefixRows of a request cannot be added.");
        }

        Instructions instructions = model.Instructions;
        ScalarType type = model.Policy.Compute;
        int length = sentences.Length;
        Tensor First(Tensor rows) => rows.expand(batch, -1, -1); // [1 or B, L, d] -> [B, L, d]
        Tensor sentence = First(sentences.Rows);
        Tensor before = instructions.Rows(0, sentence, null, dropout).to_type(type);
        return (others ?? new VisionTrunkHooks()) with
        {
            PrefixRows = before,
            BeforeBlock = (context, x) =>
            {
                Tensor? given = context.Block == 0 ? null : Replaced(context, x);
                Tensor? further = others?.BeforeBlock?.Invoke(context, given ?? x);
                if (further is null || ReferenceEquals(further, given))
                {
                    return given;
                }

                given?.Dispose();
                return further;
            },
        };

        Tensor Replaced(IVisionContext context, Tensor x)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor rows = instructions.Rows(context.Block, sentence, x.narrow(1, 0, length).to_type(ScalarType.Float32), dropout).to_type(type);
            return cat([rows, x.narrow(1, length, x.size(1) - length)], 1).MoveToOuterDisposeScope(); // [B, L + N, d]
        }
    }
}
