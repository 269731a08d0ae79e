using System.Collections.Immutable;
using Aperture.Decoding;
using Aperture.Images;
using Aperture.Models;
using Aperture.Scheduling;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Requests;

/// <summary>
/// Pictures as a pipeline's vision encoder saw them, once, for many questions. What one pipeline saw serves every pipeline on the same model, unless a method
/// acts before or inside the encoder. What such a method shared while it saw, and what it computed, stands in every question as if the question had seen for
/// itself. Owns the features and what was shared; disposing it under a question that uses them frees them when that ends.
/// </summary>
public sealed class Seen : IDisposable
{
    private readonly LeaseCount _leases;
    private readonly WeakReference<VisionTrunkHooks>? _hooks; // weak: hooks are a plugin's, which must not stay in memory for this

    internal Seen(Model model, IReadOnlyList<Image> images, IReadOnlyList<VisionFeatures> features, VisionTrunkHooks? hooks, double milliseconds)
    {
        Model = model;
        Images = images;
        Features = features;
        Encoded = images.Count;
        Milliseconds = milliseconds;
        _hooks = hooks is null ? null : new WeakReference<VisionTrunkHooks>(hooks);
        _leases = new LeaseCount(() =>
        {
            foreach (VisionFeatures own in features)
            {
                own.Dispose();
            }

            foreach (Tensor own in Shared.Values)
            {
                own.Dispose();
            }
        });
    }

    /// <summary>The pictures.</summary>
    public IReadOnlyList<Image> Images { get; }

    /// <summary>What of each picture became visual rows, and where they lie in it.</summary>
    public IReadOnlyList<IReadOnlyList<VisualSegment>> Segments => [.. Features.Select(features => features.Segments)];

    /// <summary>What each stage of an encoder that has several cost, all pictures together; empty for one of one stage.</summary>
    public IReadOnlyList<VisionStage> Stages
        =>
        [
            .. Features.SelectMany(features => features.Stages).GroupBy(stage => stage.Name).Select(same
                => new VisionStage(same.Key, same.Sum(stage => stage.Macs)) { Milliseconds = same.Sum(stage => stage.Milliseconds) }),
        ];

    /// <summary>Wall time of preprocessing and encoding.</summary>
    public double Milliseconds { get; }

    internal Model Model { get; }

    internal IReadOnlyList<VisionFeatures> Features { get; }

    /// <summary>In how many rows at most each picture was looked at; <see cref="int.MaxValue"/> for one as it is.</summary>
    internal IReadOnlyList<int> Rows { get; init; } = [];

    /// <summary>How many of the pictures were encoded for it; those of earlier questions were not.</summary>
    internal int Encoded { get; init; }

    /// <summary>Tensors that methods shared while the pictures were seen, by name; owned.</summary>
    internal IReadOnlyDictionary<string, Tensor> Shared { get; private set; } = ImmutableDictionary<string, Tensor>.Empty;

    /// <summary>Multiply-accumulates that methods spent on it, by method.</summary>
    internal IReadOnlyDictionary<string, long> MethodMacs { get; private set; } = ImmutableDictionary<string, long>.Empty;

    /// <summary>Frees the features.</summary>
    public void Dispose() => _leases.Release();

    /// <summary>Takes the features for a question.</summary>
    /// <param name="model">The model that is asked.</param>
    /// <param name="hooks">What acts inside its encoder.</param>
    /// <param name="rows">In how many rows at most it would look at each picture.</param>
    /// <exception cref="ApertureException">They are freed, another model's, or were seen through other methods.</exception>
    internal void Take(Model model, VisionTrunkHooks? hooks, IReadOnlyList<int> rows)
    {
        if (!ReferenceEquals(model, Model))
        {
            throw new ApertureException($"These pictures were seen by {Model.Name}, and {model.Name} sees otherwise; let its own pipeline see them.");
        }

        VisionTrunkHooks? then = _hooks is not null && _hooks.TryGetTarget(out VisionTrunkHooks? alive) ? alive : null;
        if (!rows.SequenceEqual(Rows) || !ReferenceEquals(then, hooks) || (_hooks is not null && then is null))
        {
            throw new ApertureException(
                $"These pictures were seen by {model.Name} with other methods before or inside the vision encoder than the pipeline has; let this pipeline "
                + "see them.");
        }

        if (!_leases.TryTake())
        {
            throw new ApertureException("These pictures are disposed, so no question can be asked about them; let the pipeline see them again.");
        }
    }

    /// <summary>Keeps what methods left while the pictures were seen.</summary>
    /// <param name="shared">What they shared; owned from here on.</param>
    /// <param name="macs">What they computed.</param>
    internal Seen With(IReadOnlyDictionary<string, Tensor> shared, IReadOnlyDictionary<string, long> macs)
    {
        (Shared, MethodMacs) = (shared, macs);
        return this;
    }

    /// <summary>Gives a question what methods left while the pictures were seen.</summary>
    internal void Recall(RequestContext request)
    {
        foreach ((string name, Tensor tensor) in Shared)
        {
            request.Share(name, tensor.alias());
        }

        foreach ((string method, long macs) in MethodMacs)
        {
            request.Trace?.MethodMacs(method, macs);
        }
    }

    /// <summary>The question is over.</summary>
    internal void Return() => _leases.Return();
}
