using Aperture.Weights;

namespace Aperture.Plugins.LlavaHr;

/// <summary>Where a checkpoint keeps the parts of its encoder.</summary>
/// <param name="Root">What stands before <c>fast_vision_tower</c>, <c>slow_vision_tower</c> and <c>align_stages</c>.</param>
internal sealed record LlavaHrKeys(string Root)
{
    /// <summary>What the published models' names begin with.</summary>
    public const string Published = "model.vision_tower.";

    private static readonly string[] _roots = [Published, "vision_tower.", ""]; // the last two: encoders that were taken out of their model

    /// <summary>What stands before the ConvNeXt's <c>stem</c>.</summary>
    public string Slow => Root + "slow_vision_tower.vision_tower.";

    /// <summary>What stands before CLIP's <c>embeddings</c>.</summary>
    public string Fast => Root + "fast_vision_tower.vision_tower.vision_model.";

    /// <summary>What stands before the last step's projections.</summary>
    public string Align => Root + "align_stages.0.";

    /// <summary>What stands before an adapter's layers.</summary>
    /// <param name="adapter">The adapter, from 0.</param>
    public string Adapter(int adapter) => $"{Root}align_stages_latent.{adapter}.";

    /// <summary>Looks up where a checkpoint keeps its parts; where it keeps the last step, because towers may lie elsewhere.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <returns>The keys; null where it has none.</returns>
    public static LlavaHrKeys? Find(IWeightSource source)
        => _roots.Select(root => new LlavaHrKeys(root)).FirstOrDefault(
            keys => source.Contains(keys.Align + "fast_proj.weight") || source.Contains(keys.Slow + "stem.0.weight")
                || source.Contains(keys.Adapter(0) + "slow_conv.weight"));

    /// <summary>Whether a name is the encoder's, used or not: classifiers and last norms of the towers are carried along.</summary>
    /// <param name="name">The checkpoint's name.</param>
    public bool IsClaimed(string name)
        => name.StartsWith(Root + "slow_vision_tower.", StringComparison.Ordinal) || name.StartsWith(Root + "fast_vision_tower.", StringComparison.Ordinal)
            || name.StartsWith(Root + "align_stages", StringComparison.Ordinal);
}
