using Aperture.Plugins.E3FaceNet.Model;
using Aperture.Tasks;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.E3FaceNet.Synthesis;

/// <summary>The blocks behind the rays: from a map of features to the picture.</summary>
/// <param name="blocks">The blocks.</param>
/// <param name="config">Sizes.</param>
/// <param name="type">Element type of all blocks but the first.</param>
internal sealed class Upsampler(IReadOnlyList<UpsamplingBlock> blocks, FaceConfig config, ScalarType type)
{
    /// <summary>Makes the picture.</summary>
    /// <param name="x">The map of features, <c>[B, C, V, V]</c>; borrowed.</param>
    /// <param name="low">The rays' own colours, <c>[B, 3, V, V]</c>; borrowed.</param>
    /// <param name="styles">The blocks' styles, <c>[1 or B, 2 blocks + 1, D]</c>; borrowed.</param>
    /// <param name="how">How.</param>
    /// <param name="run">When to stop, and who listens: <c>dw0</c>, <c>b64.*</c> and the like.</param>
    /// <returns>The picture and the offsets that the sentences gave; the caller disposes them.</returns>
    public Upsampled Run(Tensor x, Tensor low, Tensor styles, UpsamplingInput how, TaskRun run)
    {
        using DisposeScope scope = NewDisposeScope();
        List<Tensor> offsets = [];
        Tensor map = x.alias();
        Tensor picture = low.alias(), before = low;
        for (int index = 0; index < how.Growth.Blocks; index++)
        {
            run.Cancellation.ThrowIfCancellationRequested();
            UpsamplingBlock block = blocks[index];
            string name = $"b{block.Resolution}";
            run.Value(name + ".in", map);
            Tensor own = styles.narrow(1, 2 * index, 3);
            if (Offset(block, index, map, how, run) is { } offset)
            {
                offsets.Add(offset);
                run.Value($"dw{index}", offset);
                own = own.add(offset.mul(how.Strength)); // [1 or B, 3, D] + [B, 1, D]
            }

            run.Enter("blocks");
            run.Value(name + ".ws", own);
            bool last = index == how.Growth.Blocks - 1, blended = index == how.Growth.Blocks - 2 && how.Growth.Blend < 1;
            using Tensor previous = map;
            using Tensor typed = previous.to(index == 0 ? ScalarType.Float32 : type);
            (map, Tensor? colours) = block.Run(typed, own, last || blended || run.Wants(name + ".img"), how.Flat, how.Training);
            run.Value(name + ".x", map);
            if (colours is not null)
            {
                run.Value(name + ".img", colours);
                (before, picture) = (picture, colours);
            }
        }

        if (how.Growth.Blend < 1)
        {
            picture = Blended(before, picture, how.Growth.Blend);
        }

        return new Upsampled(picture.MoveToOuterDisposeScope(), [.. offsets.Select(offset => offset.MoveToOuterDisposeScope())]);
    }

    /// <summary>A picture mixed with the enlarged one before it.</summary>
    public static Tensor Blended(Tensor before, Tensor picture, double weight)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor large = before.size(-1) < picture.size(-1)
            ? F.interpolate(before, [2 * before.size(-2), 2 * before.size(-1)], mode: InterpolationMode.Bilinear, align_corners: false) : before;
        return large.mul(1 - weight).add(picture.mul(weight)).MoveToOuterDisposeScope();
    }

    private Tensor? Offset(UpsamplingBlock block, int index, Tensor map, UpsamplingInput how, TaskRun run)
    {
        if (how.Offsets is { } given)
        {
            return given[index].alias();
        }

        if (block.Enhancer is not { } enhancer || how.Prompt is not { } prompt || how.Strength == 0)
        {
            return null;
        }

        run.Enter("enhancer");
        string name = $"b{config.Resolutions[index]}.sce_fused";
        if (run.Wants(name) && prompt.Main.Blocks[index].Logits is null)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor wide = map.to(ScalarType.Float32);
            run.Value(name, wide.add(enhancer.Attended(enhancer.Normed(wide), prompt.Main.Blocks[index])));
        }

        return enhancer.Offset(map, index, prompt);
    }
}

/// <summary>How a map becomes a picture.</summary>
internal sealed record UpsamplingInput
{
    /// <summary>Blocks in use.</summary>
    public required Growth Growth { get; init; }

    /// <summary>The sentences; null for none.</summary>
    public PromptMix? Prompt { get; init; }

    /// <summary>Offsets of styles in place of the sentences, one a block, <c>[B, 1, D]</c>; borrowed. Null to compute them.</summary>
    public IReadOnlyList<Tensor>? Offsets { get; init; }

    /// <summary>Factor on offsets.</summary>
    public double Strength { get; init; } = 1;

    /// <summary>Whether sides stay, for rays that are pixels of no picture.</summary>
    public bool Flat { get; init; }

    /// <summary>Whether running means move.</summary>
    public bool Training { get; init; }
}

/// <summary>What blocks made. Owns its tensors.</summary>
/// <param name="Picture"><c>[B, 3, H, W]</c>, about -1 to 1.</param>
/// <param name="Offsets">Offsets of styles, one a block, <c>[B, 1, D]</c>; empty without text.</param>
internal sealed record Upsampled(Tensor Picture, IReadOnlyList<Tensor> Offsets) : IDisposable
{
    /// <summary>Disposes the tensors.</summary>
    public void Dispose()
    {
        Picture.Dispose();
        foreach (Tensor offset in Offsets)
        {
            offset.Dispose();
        }
    }
}
