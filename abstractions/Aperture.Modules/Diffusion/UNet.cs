using Aperture.Decoding;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Diffusion;

/// <summary>
/// Predicts the noise in latents at a time, under a text (diffusers' UNet2DConditionModel, Stable Diffusion 1 and 2). Attention is fused; maps are given to
/// who asks for them (<see cref="AttentionCapture"/>). Owns its weights.
/// </summary>
public sealed class UNet : IDisposable
{
    private readonly DiffusionLoader _loader;
    private readonly WeightPolicy _policy;
    private readonly TimeEmbedding _time;
    private readonly Convolution _first, _last;
    private readonly GroupNorm _norm;
    private readonly IReadOnlyList<UNetLevel> _down, _up;
    private readonly UNetLevel _mid;

    private UNet(DiffusionLoader loader, UNetConfig config, WeightPolicy policy)
    {
        (_loader, Config, _policy) = (loader, config, policy);
        UNetLevels levels = new(loader, config);
        _time = new TimeEmbedding(loader, config);
        _first = loader.Convolution("conv_in", config.Channels[0], config.Inputs);
        _down = levels.Down();
        _mid = levels.Mid();
        _up = levels.Up();
        _norm = loader.GroupNorm("conv_norm_out", config.Channels[0], config.Groups, config.NormEpsilon);
        _last = loader.Convolution("conv_out", config.Outputs, config.Channels[0]);
        Attentions = levels.Attentions;
    }

    /// <summary>Sizes.</summary>
    public UNetConfig Config { get; }

    /// <summary>How many attentions a pass runs, those of places to each other and to the text.</summary>
    public int Attentions { get; }

    /// <summary>The weights, by published name. Borrowed.</summary>
    public IReadOnlyDictionary<string, Tensor> Tensors => _loader.Tensors;

    /// <summary>How many weights there are, in whatever form they are kept.</summary>
    public long Weights => _loader.Count;

    /// <summary>Loads a UNet.</summary>
    /// <param name="source">The checkpoint under diffusers' names; it must outlive the UNet.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="policy">Where it runs and in which type.</param>
    /// <param name="trainable">Whether the weights get memory of their own, so that they can be trained.</param>
    /// <returns>The UNet; the caller disposes it.</returns>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public static UNet Load(IWeightSource source, UNetConfig config, WeightPolicy policy, bool trainable = false)
        => Made(new DiffusionLoader(source, policy, trainable ? _ => true : null), config, policy);

    /// <summary>Makes a UNet with random weights, as torch's modules begin.</summary>
    /// <param name="config">Sizes.</param>
    /// <param name="policy">Where it runs and in which type.</param>
    /// <param name="seed">Seed of the weights.</param>
    /// <returns>The UNet; the caller disposes it.</returns>
    public static UNet Fresh(UNetConfig config, WeightPolicy policy, long seed)
    {
        using FreshWeights fresh = new(policy, seed);
        return Made(new DiffusionLoader(fresh.None, policy, fresh: fresh.Make), config, policy);
    }

    private static UNet Made(DiffusionLoader loader, UNetConfig config, WeightPolicy policy)
    {
        try
        {
            return new UNet(loader, config, policy);
        }
        catch
        {
            loader.Dispose();
            throw;
        }
    }

    /// <summary>Predicts noise.</summary>
    /// <param name="latents"><c>[N, inputs, H, W]</c> in any real type; borrowed. Sides need not be multiples of <see cref="UNetConfig.Stride"/>.</param>
    /// <param name="time">The step's time, 0 to 999; need not be whole.</param>
    /// <param name="text">The text's rows for each sample, <c>[N, K, D]</c>; borrowed.</param>
    /// <param name="capture">Takes attention maps; null for nobody.</param>
    /// <param name="trace">Gets values by the published names of the modules that they come from, borrowed; null for nobody.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns>float32 <c>[N, outputs, H, W]</c>; the caller disposes it.</returns>
    /// <exception cref="ApertureException">The latents or the text do not have the model's channels, or not one text a sample.</exception>
    public Tensor Run(
        Tensor latents, double time, Tensor text, AttentionCapture? capture = null, Action<string, Tensor>? trace = null,
        CancellationToken cancellationToken = default)
        => Run(latents, [time], text, capture, trace, cancellationToken);

    /// <summary>Predicts noise of samples at times of their own, as in training.</summary>
    /// <param name="latents"><c>[N, inputs, H, W]</c> in any real type; borrowed.</param>
    /// <param name="times">The time of each sample, or one for all, 0 to 999.</param>
    /// <param name="text">The text's rows for each sample, <c>[N, K, D]</c>; borrowed.</param>
    /// <param name="capture">Takes attention maps; null for nobody.</param>
    /// <param name="trace">Gets values by the published names of the modules that they come from, borrowed; null for nobody.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns>float32 <c>[N, outputs, H, W]</c>; the caller disposes it.</returns>
    /// <exception cref="ApertureException">Latents, times or text do not fit the model or each other.</exception>
    public Tensor Run(
        Tensor latents, IReadOnlyList<double> times, Tensor text, AttentionCapture? capture = null, Action<string, Tensor>? trace = null,
        CancellationToken cancellationToken = default)
    {
        Check(latents, times.Count, text);
        using DisposeScope scope = NewDisposeScope();
        Tensor features = _time.Features(times);
        trace?.Invoke("time_proj", features);
        Tensor embedding = _time.Embed(features.to(_policy.Compute, _policy.Device)); // [1 or N, C] -> [1 or N, D]
        trace?.Invoke("time_embedding", embedding);
        Tensor shift = nn.functional.silu(embedding), words = text.to(_policy.Compute, _policy.Device);
        Tensor x = _first.Run(Input(latents)); // [N, inputs, H, W] -> [N, C, H, W]
        trace?.Invoke("conv_in", x);
        Stack<Tensor> skips = new([x]);
        for (int level = 0; level < _down.Count; level++)
        {
            x = Down(_down[level], x, skips, (shift, words), capture, cancellationToken);
            trace?.Invoke($"down_blocks.{level}", x);
        }

        cancellationToken.ThrowIfCancellationRequested();
        x = _mid.RunBetween(x, shift, words, capture); // the map that it leaves behind stays on the stack
        trace?.Invoke("mid_block", x);
        for (int level = 0; level < _up.Count; level++)
        {
            x = Up(_up[level], x, skips, (shift, words), capture, cancellationToken);
            trace?.Invoke($"up_blocks.{level}", x);
        }

        Tensor normed = _norm.Run(x);
        trace?.Invoke("conv_norm_out", normed);
        return _last.Run(normed.silu_()).to(ScalarType.Float32).contiguous().MoveToOuterDisposeScope(); // [N, C, H, W] -> [N, outputs, H, W]
    }

    /// <summary>Disposes the weights.</summary>
    public void Dispose() => _loader.Dispose();

    private void Check(Tensor latents, int times, Tensor text)
    {
        if (latents.dim() != 4 || latents.size(1) != Config.Inputs)
        {
            throw new ApertureException($"The UNet takes {Config.Inputs} channels, not latents of [{string.Join(", ", latents.shape)}].");
        }

        if (text.dim() != 3 || text.size(0) != latents.size(0) || text.size(2) != Config.TextWidth)
        {
            throw new ApertureException(
                $"The UNet takes a text of width {Config.TextWidth} for each of {latents.size(0)} latents, not [{string.Join(", ", text.shape)}].");
        }

        if (times != 1 && times != latents.size(0))
        {
            throw new ApertureException($"The UNet takes one time, or one for each of {latents.size(0)} latents, not {times}.");
        }
    }

    private Tensor Input(Tensor latents)
    {
        Tensor x = latents.to(_policy.Compute, _policy.Device);
        return FeatureMap.Of(Config.CenterInput ? x.mul(2).sub(1) : x);
    }

    // What comes out of every block lies on the stack, the map before the level below it.
    private Tensor Down(
        UNetLevel level, Tensor x, Stack<Tensor> skips, (Tensor Time, Tensor Text) on, AttentionCapture? capture, CancellationToken cancellationToken)
    {
        for (int block = 0; block < level.Blocks; block++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            x = level.Run(block, x, on.Time, on.Text, capture);
            skips.Push(x);
        }

        if (level.HasSampler)
        {
            x = level.Smaller(x, behind: Config.DownsamplePadding == 0);
            skips.Push(x);
        }

        return x;
    }

    private static Tensor Up(
        UNetLevel level, Tensor x, Stack<Tensor> skips, (Tensor Time, Tensor Text) on, AttentionCapture? capture, CancellationToken cancellationToken)
    {
        for (int block = 0; block < level.Blocks; block++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using Tensor previous = x, skip = skips.Pop();
            using Tensor both = cat([previous, skip], 1); // [N, a, H, W], [N, b, H, W] -> [N, a + b, H, W]
            x = level.Run(block, both, on.Time, on.Text, capture);
        }

        if (level.HasSampler)
        {
            using Tensor small = x;
            Tensor next = skips.Peek();
            x = level.Larger(small, next.size(2), next.size(3));
        }

        return x;
    }
}
