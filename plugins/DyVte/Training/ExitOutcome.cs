using static TorchSharp.torch;

namespace Aperture.Plugins.DyVte.Training;

/// <summary>What an exit after one layer did to the answers of a batch. Owns its tensors.</summary>
/// <param name="Layer">The layer.</param>
/// <param name="Features">Gate inputs <c>[samples, inputs]</c>, without gradient; only samples that can exit.</param>
/// <param name="Full">float32 logits <c>[answer tokens, V]</c> of the rows that predict answers, without the exit; all samples in order.</param>
/// <param name="Exit">The same with the exit.</param>
/// <param name="Answers">The two compared, one entry a row of <paramref name="Features"/>.</param>
internal sealed record ExitOutcome(int Layer, Tensor Features, Tensor Full, Tensor Exit, IReadOnlyList<AnswerComparison> Answers) : IDisposable
{
    public void Dispose()
    {
        Features.Dispose();
        Full.Dispose();
        Exit.Dispose();
    }
}
