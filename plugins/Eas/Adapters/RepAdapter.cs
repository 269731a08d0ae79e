using Aperture.Measuring;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Adapters;

/// <summary>
/// The ordinary adapter, on what a kept attention reads: <c>Ad(x) = x + s (w0 B(A x) + w1 D(A x))</c> with the two weights of its router, or <c>x + s B(C
/// x)</c> without one (METER). B and D are block-diagonal. Owns its tensors.
/// </summary>
internal sealed class RepAdapter : IDisposable
{
    /// <summary>A, <c>d -> r</c>; METER's checkpoints call it C.</summary>
    public required PointwiseConvolution Down { get; init; }

    /// <summary>B, <c>r -> d</c>.</summary>
    public required PointwiseConvolution Up { get; init; }

    /// <summary>D, <c>r -> d</c>; null where the checkpoint has none.</summary>
    public PointwiseConvolution? SecondUp { get; init; }

    /// <summary>Null for an adapter that weighs nothing.</summary>
    public ExpertRouter? Router { get; init; }

    /// <summary>s.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>t of the router.</summary>
    public double Temperature { get; init; } = 10;

    /// <summary>Whether x itself is part of the result. LaVIN's plain one, for its vision blocks, leaves it out and has no scale.</summary>
    public bool Identity { get; init; } = true;

    private string DownName { get; init; } = "conv_A";

    /// <summary>Loads an adapter; parts that the checkpoint does not have (router, D) stay null.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="prefix">What stands before <c>conv_B</c>, with its dot.</param>
    /// <param name="width">d.</param>
    /// <param name="scale">s.</param>
    /// <param name="temperature">t.</param>
    /// <param name="groups">Blocks of B and D.</param>
    /// <param name="identity">Whether x itself is part of the result.</param>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public static RepAdapter Load(
        IWeightSource source, string prefix, int width, double scale = 1, double temperature = 10, int groups = 2, bool identity = true)
    {
        string down = source.Contains(prefix + "conv_A.weight") ? "conv_A" : "conv_C";
        bool routed = source.Contains(prefix + "expert_weights.weight"), second = source.Contains(prefix + "conv_D.weight");
        using DisposeScope scope = NewDisposeScope();
        PointwiseConvolution first = PointwiseConvolution.Load(source, prefix + down, -1, width);
        RepAdapter loaded = new()
        {
            DownName = down,
            Down = first,
            Up = PointwiseConvolution.Load(source, prefix + "conv_B", width, first.Outputs, groups),
            SecondUp = second ? PointwiseConvolution.Load(source, prefix + "conv_D", width, first.Outputs, groups) : null,
            Router = routed ? ExpertRouter.Load(source, prefix + "expert_weights", width) : null,
            Scale = identity ? scale : 1,
            Temperature = temperature,
            Identity = identity,
        };
        foreach ((string _, Tensor tensor) in loaded.Named(""))
        {
            tensor.DetachFromDisposeScope();
        }

        return loaded;
    }

    /// <summary>An untrained adapter: A Xavier-uniform, B and D zero, so that it is the identity.</summary>
    /// <param name="width">d.</param>
    /// <param name="hidden">r.</param>
    /// <param name="routerBias">Whether the router has a bias.</param>
    /// <param name="generator">Draws the weights; borrowed.</param>
    /// <param name="scale">s.</param>
    /// <param name="temperature">t.</param>
    /// <param name="groups">Blocks of B and D.</param>
    public static RepAdapter Fresh(int width, int hidden, bool routerBias, Generator generator, double scale = 1, double temperature = 10, int groups = 2)
        => new()
        {
            Down = PointwiseConvolution.Fresh(hidden, width, 1, zero: false, generator),
            Up = PointwiseConvolution.Fresh(width, hidden, groups, zero: true, generator),
            SecondUp = PointwiseConvolution.Fresh(width, hidden, groups, zero: true, generator),
            Router = ExpertRouter.Fresh(width, routerBias, generator),
            Scale = scale,
            Temperature = temperature,
        };

    /// <summary>The router's weights for some sequences.</summary>
    /// <param name="query">What the router reads, <c>[samples, d]</c>; borrowed.</param>
    /// <returns>float32 <c>[samples, 2]</c>, or null without a router; the caller disposes it.</returns>
    public Tensor? Route(Tensor query) => Router?.Run(query, Temperature);

    /// <summary>Applies the adapter.</summary>
    /// <param name="x"><c>[samples, rows, d]</c>; borrowed.</param>
    /// <param name="weights">The result of <see cref="Route"/>; null for B alone.</param>
    /// <param name="dropout">In training, on the hidden values.</param>
    /// <returns><c>[samples, rows, d]</c>; the caller disposes it.</returns>
    public Tensor Run(Tensor x, Tensor? weights, SeededDropout? dropout = null)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor hidden = Down.Run(x);
        hidden = dropout?.Run(hidden) ?? hidden;
        Tensor added = Mixed(hidden, Up, SecondUp, weights, Scale);
        return (Identity ? x.add(added) : added).MoveToOuterDisposeScope();
    }

    /// <summary>The affine map that the adapter is for one sequence.</summary>
    /// <param name="weights">Its row of <see cref="Route"/>, <c>[2]</c>; null for B alone. Borrowed.</param>
    /// <returns>In float32 or the adapter's own type; the caller disposes it.</returns>
    public AffineAdapter Affine(Tensor? weights) => AffineAdapter.Of(Up, SecondUp, weights, Scale, Down, 1, offset: null);

    /// <summary>Moves the tensors to a device and element type.</summary>
    public void MoveTo(Device device, ScalarType type)
    {
        Down.MoveTo(device, type);
        Up.MoveTo(device, type);
        SecondUp?.MoveTo(device, type);
        Router?.MoveTo(device);
    }

    /// <summary>The tensors by published name.</summary>
    /// <param name="prefix">What stands before <c>conv_B</c>, with its dot.</param>
    public IEnumerable<(string Name, Tensor Tensor)> Named(string prefix) =>
    [
        .. Down.Named(prefix + DownName),
        .. Up.Named(prefix + "conv_B"),
        .. SecondUp?.Named(prefix + "conv_D") ?? [],
        .. Router?.Named(prefix + "expert_weights") ?? [],
    ];

    public void Dispose()
    {
        Down.Dispose();
        Up.Dispose();
        SecondUp?.Dispose();
        Router?.Dispose();
    }

    /// <summary><c>s (w0 B z + w1 D z)</c>, or <c>s B z</c> without weights; in the caller's dispose scope.</summary>
    internal static Tensor Mixed(Tensor z, PointwiseConvolution up, PointwiseConvolution? secondUp, Tensor? weights, double scale)
    {
        if (weights is null || secondUp is null)
        {
            return up.Run(z).mul(scale);
        }

        Tensor each = weights.mul(scale).to_type(z.dtype).view(-1, 1, ExpertRouter.Experts); // [samples, 1, 2]
        return up.Run(z).mul(each.narrow(-1, 0, 1)).add(secondUp.Run(z).mul(each.narrow(-1, 1, 1)));
    }
}
