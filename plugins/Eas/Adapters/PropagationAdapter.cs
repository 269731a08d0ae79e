using Aperture.Measuring;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Adapters;

/// <summary>
/// PIA, the propagation-of-information adapter, in place of an attention: with the pool <c>p = A mean(x)</c> of the sequence and <c>z = (p + C x) / 2</c> it
/// gives
/// <c>x + s (w0 B z + w1 D z)</c>, or <c>s B z</c> without router and identity (METER). B and D are block-diagonal. Owns its tensors.
/// </summary>
internal sealed class PropagationAdapter : IDisposable
{
    /// <summary>A, <c>d -> r</c>, on the pooled rows.</summary>
    public required PointwiseConvolution PoolDown { get; init; }

    /// <summary>C, <c>d -> r</c>, on each row.</summary>
    public required PointwiseConvolution RowDown { get; init; }

    /// <summary>B, <c>r -> d</c>.</summary>
    public required PointwiseConvolution Up { get; init; }

    /// <summary>D, <c>r -> d</c>.</summary>
    public required PointwiseConvolution SecondUp { get; init; }

    public required ExpertRouter Router { get; init; }

    /// <summary>s.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>t of the router.</summary>
    public double Temperature { get; init; } = 10;

    /// <summary>Loads an adapter.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="prefix">What stands before <c>conv_A</c>, with its dot.</param>
    /// <param name="width">d.</param>
    /// <param name="scale">s.</param>
    /// <param name="temperature">t.</param>
    /// <param name="groups">Blocks of B and D.</param>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public static PropagationAdapter Load(IWeightSource source, string prefix, int width, double scale = 1, double temperature = 10, int groups = 2)
    {
        using DisposeScope scope = NewDisposeScope();
        PointwiseConvolution pool = PointwiseConvolution.Load(source, prefix + "conv_A", -1, width);
        PropagationAdapter loaded = new()
        {
            PoolDown = pool,
            RowDown = PointwiseConvolution.Load(source, prefix + "conv_C", pool.Outputs, width),
            Up = PointwiseConvolution.Load(source, prefix + "conv_B", width, pool.Outputs, groups),
            SecondUp = PointwiseConvolution.Load(source, prefix + "conv_D", width, pool.Outputs, groups),
            Router = ExpertRouter.Load(source, prefix + "expert_weights", width),
            Scale = scale,
            Temperature = temperature,
        };
        foreach ((string _, Tensor tensor) in loaded.Named(""))
        {
            tensor.DetachFromDisposeScope();
        }

        return loaded;
    }

    /// <summary>
    /// An untrained adapter: A and C Xavier-uniform; B and D zero (LaVIN, METER), so that it is the identity, or Xavier-uniform as well (LLaVA).
    /// </summary>
    /// <param name="width">d.</param>
    /// <param name="hidden">r.</param>
    /// <param name="zero">Whether B and D are zero.</param>
    /// <param name="generator">Draws the weights; borrowed.</param>
    /// <param name="scale">s.</param>
    /// <param name="temperature">t.</param>
    /// <param name="groups">Blocks of B and D.</param>
    public static PropagationAdapter Fresh(int width, int hidden, bool zero, Generator generator, double scale = 1, double temperature = 10, int groups = 2)
        => new()
        {
            PoolDown = PointwiseConvolution.Fresh(hidden, width, 1, zero: false, generator),
            RowDown = PointwiseConvolution.Fresh(hidden, width, 1, zero: false, generator),
            Up = PointwiseConvolution.Fresh(width, hidden, groups, zero, generator),
            SecondUp = PointwiseConvolution.Fresh(width, hidden, groups, zero, generator),
            Router = ExpertRouter.Fresh(width, bias: true, generator),
            Scale = scale,
            Temperature = temperature,
        };

    /// <summary>The router's weights for some sequences.</summary>
    /// <param name="query">What the router reads, <c>[samples, d]</c>; borrowed.</param>
    /// <returns>float32 <c>[samples, 2]</c>; the caller disposes it.</returns>
    public Tensor Route(Tensor query) => Router.Run(query, Temperature);

    /// <summary>p. A is affine and pooling weights sum to 1, so A of the mean is the mean of A.</summary>
    /// <param name="mean">The mean of the pooled rows, <c>[samples, d]</c>; borrowed.</param>
    /// <returns><c>[samples, r]</c>; the caller disposes it.</returns>
    public Tensor Pool(Tensor mean) => PoolDown.Run(mean);

    /// <summary>Applies the adapter.</summary>
    /// <param name="x"><c>[samples, rows, d]</c>; borrowed.</param>
    /// <param name="pool">The result of <see cref="Pool"/>; borrowed.</param>
    /// <param name="weights">The result of <see cref="Route"/>; null for METER's form, B alone and without x. Borrowed.</param>
    /// <param name="dropout">In training, on the hidden values.</param>
    /// <returns><c>[samples, rows, d]</c>; the caller disposes it.</returns>
    public Tensor Run(Tensor x, Tensor pool, Tensor? weights, SeededDropout? dropout = null)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor hidden = RowDown.Run(x).add(pool.to_type(x.dtype).unsqueeze(1));
        hidden = (dropout?.Run(hidden) ?? hidden).div(2);
        Tensor added = RepAdapter.Mixed(hidden, Up, SecondUp, weights, Scale);
        return (weights is null ? added : x.add(added)).MoveToOuterDisposeScope();
    }

    /// <summary>The affine map that the adapter is for one sequence.</summary>
    /// <param name="weights">Its row of <see cref="Route"/>, <c>[2]</c>; borrowed.</param>
    /// <param name="pool">Its row of <see cref="Pool"/>, <c>[r]</c>; borrowed.</param>
    /// <returns>In the adapter's type; the caller disposes it.</returns>
    public AffineAdapter Affine(Tensor weights, Tensor pool) => AffineAdapter.Of(Up, SecondUp, weights, Scale, RowDown, 0.5, pool);

    /// <summary>Moves the tensors to a device and element type.</summary>
    public void MoveTo(Device device, ScalarType type)
    {
        foreach (PointwiseConvolution convolution in new[] { PoolDown, RowDown, Up, SecondUp })
        {
            convolution.MoveTo(device, type);
        }

        Router.MoveTo(device);
    }

    /// <summary>The tensors by published name.</summary>
    /// <param name="prefix">What stands before <c>conv_A</c>, with its dot.</param>
    public IEnumerable<(string Name, Tensor Tensor)> Named(string prefix) =>
    [
        .. PoolDown.Named(prefix + "conv_A"),
        .. RowDown.Named(prefix + "conv_C"),
        .. Up.Named(prefix + "conv_B"),
        .. SecondUp.Named(prefix + "conv_D"),
        .. Router.Named(prefix + "expert_weights"),
    ];

    public void Dispose()
    {
        PoolDown.Dispose();
        RowDown.Dispose();
        Up.Dispose();
        SecondUp.Dispose();
        Router.Dispose();
    }
}
