using Aperture.Plugins.DtNet.Model;
using Aperture.Plugins.DtNet.Paths;
using Aperture.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Search;

/// <summary>
/// One model or several that caption together: the mean of their log-probabilities decides, as in the official code. Holds what they know of a batch of
/// pictures and of the captions so far.
/// </summary>
internal sealed class CaptionEnsemble : IDisposable
{
    private readonly IReadOnlyList<CaptionModel> _models;
    private readonly List<DecoderState> _states = [];
    private readonly List<EncodedGrid> _pictures = [];
    private readonly Regularisation? _training;
    private readonly TaskRun _run;

    /// <summary>Encodes pictures.</summary>
    /// <param name="models">The models, at least one; borrowed.</param>
    /// <param name="features">float32 grid vectors <c>[B, cells, channels]</c>; borrowed.</param>
    /// <param name="plan">What is made of the routers' weights.</param>
    /// <param name="training">How to train; null outside training.</param>
    /// <param name="run">Who listens.</param>
    public CaptionEnsemble(IReadOnlyList<CaptionModel> models, Tensor features, RoutePlan plan, Regularisation? training, TaskRun run)
    {
        (_models, _training, _run) = (models, training, run);
        Pictures = (int)features.size(0);
        try
        {
            foreach (CaptionModel model in models)
            {
                EncodedGrid picture = model.Encoder.Run(features, plan, training, run);
                _pictures.Add(new EncodedGrid(picture.Rows.DetachFromDisposeScope(), picture.Mask.DetachFromDisposeScope()));
                using DisposeScope scope = NewDisposeScope();
                _states.Add(model.Decoder.Begin(_pictures[^1]));
                run.Count("decoder", Pictures * CaptionFlops.Memory(model.Config));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Pictures of the batch.</summary>
    public int Pictures { get; }

    /// <summary>Sizes that the models share.</summary>
    public CaptionConfig Config => _models[0].Config;

    /// <summary>Where they run.</summary>
    public Device Device => _models[0].Device;

    /// <summary>The first model's encoded pictures. Borrowed.</summary>
    public EncodedGrid Encoded => _pictures[0];

    /// <summary>The next word of each caption.</summary>
    /// <param name="ids">int64 <c>[R]</c>, the last word of each; borrowed.</param>
    /// <returns>Log-probabilities float32 <c>[R, vocabulary]</c>, in the caller's dispose scope.</returns>
    public Tensor Step(Tensor ids)
    {
        using DisposeScope scope = NewDisposeScope();
        _run.Cancellation.ThrowIfCancellationRequested();
        Tensor[] each = [.. _models.Select((model, index) => model.Decoder.Step(ids, _states[index], _training, _run))];
        foreach ((int index, CaptionModel model) in _models.Index())
        {
            _run.Count("decoder", ids.size(0) * CaptionFlops.Token(model.Config, _states[index].Length));
        }

        return (each.Length == 1 ? each[0] : stack(each).mean([0L])).MoveToOuterDisposeScope();
    }

    /// <summary>Goes on with other captions.</summary>
    /// <param name="captions">int64 <c>[R']</c>; borrowed.</param>
    public void Select(Tensor captions)
    {
        using DisposeScope scope = NewDisposeScope();
        _states.ForEach(state => state.Select(captions));
    }

    public void Dispose()
    {
        _states.ForEach(state => state.Dispose());
        foreach (EncodedGrid picture in _pictures)
        {
            picture.Rows.Dispose();
            picture.Mask.Dispose();
        }
    }
}
