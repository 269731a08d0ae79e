using Aperture.Decoding;
using Aperture.Models;
using Aperture.Plugins.FlashSloth.Embq;
using Aperture.Vision;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.FlashSloth.Family;

/// <summary>FlashSloth's projector and, beside it, the learned query rows, which enter the sequence as tokens do. Owns both.</summary>
internal sealed class FlashSlothProjector : IProjector
{
    private readonly Projector _projector;
    private readonly LearnedQueries _queries;
    private readonly int _layers;
    private readonly int _inputs;
    private readonly WeightPolicy _policy;

    private FlashSlothProjector(Projector projector, LearnedQueries queries, int layers, int inputs, WeightPolicy policy)
        => (_projector, _queries, _layers, _inputs, _policy) = (projector, queries, layers, inputs, policy);

    /// <summary>The query rows <c>[Q, H]</c>; borrowed.</summary>
    public Tensor Queries => _queries.Rows;

    /// <summary>Loads projector and queries.</summary>
    /// <param name="source">The checkpoint, or parameters of a training.</param>
    /// <param name="layers">Layers of the projector.</param>
    /// <param name="inputs">Width of a patch's features.</param>
    /// <param name="hidden">Width of the decoder's rows.</param>
    /// <param name="policy">Where and in which type.</param>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public static FlashSlothProjector Load(IWeightSource source, int layers, int inputs, int hidden, WeightPolicy policy)
    {
        if (!source.Contains(LearnedQueries.Published))
        {
            throw new ApertureException($"The checkpoint has no {LearnedQueries.Published}, the learned queries of every FlashSloth; fetch it again.");
        }

        long[] shape = source.Describe(LearnedQueries.Published).Shape;
        if (shape is not [> 0, long width] || width != hidden)
        {
            throw new ApertureException(
                $"{LearnedQueries.Published} has shape [{string.Join(", ", shape)}] but the decoder's rows are {hidden} wide; checkpoint and configuration do "
                + "not belong together.");
        }

        string[] names = [.. Enumerable.Range(0, layers).Select(layer => $"model.mm_projector.{2 * layer}")];
        Projector projector = Projector.Load(source, layers == 1 ? ["model.mm_projector"] : names, inputs, hidden, "gelu", bias: true, policy);
        try
        {
            return new FlashSlothProjector(projector, LearnedQueries.Load(source, policy), layers, inputs, policy);
        }
        catch
        {
            projector.Dispose();
            throw;
        }
    }

    /// <summary>Whether a name in a checkpoint is one of these weights.</summary>
    public static bool Owns(string name) => name == LearnedQueries.Published || name.StartsWith("model.mm_projector.", StringComparison.Ordinal);

    /// <inheritdoc/>
    public VisualTokens Project(VisionFeatures features) => _projector.Project(features);

    /// <inheritdoc/>
    public long Macs(int rows) => _projector.Macs(rows);

    /// <inheritdoc/>
    public IEnumerable<(string Name, Tensor Tensor)> Named() => [.. _projector.Named(), .. _queries.Named];

    /// <inheritdoc/>
    public IProjector Over(IWeightSource parameters) => Load(parameters, _layers, _inputs, (int)Queries.size(1), _policy);

    public void Dispose()
    {
        _projector.Dispose();
        _queries.Dispose();
    }
}
