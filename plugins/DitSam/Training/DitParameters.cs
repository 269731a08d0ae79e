using Aperture.Plugins.DitSam.Dit;
using Aperture.Plugins.DitSam.Sam;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DitSam.Training;

/// <summary>
/// A DIT's tensors in memory of their own, under SAM's names: a copy of a checkpoint, with what a start from a SAM lacks. Those that are trained are leaves
/// with gradients; a model that is loaded from <see cref="Source"/> computes with them. Owns them.
/// </summary>
internal sealed class DitParameters : IDisposable
{
    private static readonly string[] _neverReached =
    [
        SamKeys.Prompts + "pe_layer.", SamKeys.Prompts + "point_embeddings.", SamKeys.Prompts + "not_a_point_embed.", SamKeys.MaskPrompt,
        SamKeys.Decoder + "iou_prediction_head.", DitKeys.Bert + "pooler.", "query_embeddings", "self_attention.",
    ];

    private readonly Dictionary<string, Tensor> _tensors = new(StringComparer.Ordinal);

    /// <summary>Copies checkpoints.</summary>
    /// <param name="sources">A DIT, or a SAM and others that complete it, under SAM's names; later ones win. Borrowed.</param>
    /// <param name="layers">Layers of the text encoder that are run.</param>
    /// <param name="freeze">What stays.</param>
    public DitParameters(IEnumerable<IWeightSource> sources, int layers, DitFreeze freeze)
    {
        foreach (IWeightSource source in sources)
        {
            foreach (string name in source.Names.Where(name => IsNumber(source.Describe(name).ScalarType)))
            {
                if (_tensors.Remove(name, out Tensor? other))
                {
                    other.Dispose();
                }

                _tensors[name] = source.LoadCopy(name, ScalarType.Float32).DetachFromDisposeScope();
            }
        }

        Trained = _tensors.Where(pair => IsTrained(pair.Key, layers, freeze))
            .ToDictionary(pair => DitKeys.Published(pair.Key), pair => pair.Value.requires_grad_(true), StringComparer.Ordinal);
        Source = new TensorWeights(_tensors);
    }

    /// <summary>All tensors, for the model; borrowed.</summary>
    public IWeightSource Source { get; }

    /// <summary>What is trained, by published name.</summary>
    public IReadOnlyDictionary<string, Tensor> Trained { get; }

    /// <summary>All tensors by published name, those that are trained replaced.</summary>
    /// <param name="trained">Values to save in their place, by published name.</param>
    public IReadOnlyDictionary<string, Tensor> With(IReadOnlyDictionary<string, Tensor> trained)
        => _tensors.ToDictionary(
            pair => DitKeys.Published(pair.Key), pair => trained.TryGetValue(DitKeys.Published(pair.Key), out Tensor? value) ? value : pair.Value,
            StringComparer.Ordinal);

    public void Dispose() => Source.Dispose();

    private static bool IsNumber(ScalarType type) => type is ScalarType.Float32 or ScalarType.Float16 or ScalarType.BFloat16 or ScalarType.Float64;

    private static bool IsTrained(string name, int layers, DitFreeze freeze)
    {
        bool Begins(string prefix) => name.StartsWith(prefix, StringComparison.Ordinal);
        if (_neverReached.Any(Begins) || IsOtherMask(name) || IsOtherLayer(name, layers))
        {
            return false;
        }

        bool added = Begins(DitKeys.Projections) || Begins(DitKeys.WidthProjection) || Begins(DitKeys.Tokens);
        return !(freeze != DitFreeze.None && Begins(SamKeys.Encoder) && !added) && !(freeze == DitFreeze.SamAndBert && Begins(DitKeys.Bert));
    }

    // Masks that are only decoded for points are not trained.
    private static bool IsOtherMask(string name)
    {
        const string Masks = SamKeys.Decoder + "output_hypernetworks_mlps.";
        return name.StartsWith(Masks, StringComparison.Ordinal) && !name.StartsWith(Masks + "0.", StringComparison.Ordinal);
    }

    private static bool IsOtherLayer(string name, int layers)
    {
        const string Layers = DitKeys.Bert + "encoder.layer.";
        return name.StartsWith(Layers, StringComparison.Ordinal)
            && (!int.TryParse(name[Layers.Length..].Split('.')[0], out int layer) || layer >= layers);
    }
}
