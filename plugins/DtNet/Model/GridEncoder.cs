using Aperture.Decoding;
using Aperture.Plugins.DtNet.Paths;
using Aperture.Tasks;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Model;

/// <summary>The encoder: grid vectors in, as many rows out, each of which has passed the routed layers.</summary>
internal sealed class GridEncoder : IDisposable
{
    private readonly Matrix _input;
    private readonly LayerNormWeights _norm;
    private readonly Matrix[] _geometry;
    private readonly EncoderLayer[] _layers;
    private readonly CaptionConfig _config;
    private readonly ScalarType _type;
    private readonly Tensor _columns, _rows, _distances;
    private Tensor? _bias;

    /// <summary>Loads the encoder.</summary>
    /// <param name="loader">Loads and owns the weights.</param>
    /// <param name="exact">Loads and owns routers and geometry, in float32.</param>
    /// <param name="source">The checkpoint.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="policy">Where and in which type.</param>
    public GridEncoder(WeightLoader loader, WeightLoader exact, IWeightSource source, CaptionConfig config, WeightPolicy policy)
    {
        (_config, _type) = (config, policy.Compute);
        _input = loader.Linear("encoder.fc", config.Width, config.Features);
        _norm = loader.Norm("encoder.layer_norm", config.Width);
        _geometry = [.. Enumerable.Range(0, config.Heads).Select(head => exact.Linear($"encoder.WGs.{head}", 1, GridGeometry.Channels))];
        _layers = new EncoderLayer[config.EncoderLayers];
        (Tensor column, Tensor row) = GridGeometry.Positions(config.Grid, config.Features);
        using (column)
        using (row)
        using (Tensor distances = GridGeometry.Distances(config.Grid))
        {
            _columns = column.to(policy.Device, copy: true).DetachFromDisposeScope();
            _rows = row.to(policy.Device, copy: true).DetachFromDisposeScope();
            _distances = distances.to(policy.Device, copy: true).DetachFromDisposeScope();
        }

        try
        {
            for (int layer = 0; layer < _layers.Length; layer++)
            {
                _layers[layer] = new EncoderLayer(loader, exact, source, layer, config);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The layers.</summary>
    public IReadOnlyList<EncoderLayer> Layers => _layers;

    /// <summary>Encodes pictures.</summary>
    /// <param name="features">float32 grid vectors <c>[B, cells, channels]</c>; borrowed.</param>
    /// <param name="plan">What is made of the routers' weights.</param>
    /// <param name="training">How to train; null outside training.</param>
    /// <param name="run">Who listens. Values begin with <c>input</c>, <c>geometry</c> and <c>layerN</c>.</param>
    /// <returns>Rows and mask, in the caller's dispose scope.</returns>
    /// <exception cref="ApertureException">The features have another shape.</exception>
    public EncodedGrid Run(Tensor features, RoutePlan plan, Regularisation? training, TaskRun run)
    {
        using DisposeScope scope = NewDisposeScope();
        Check(features);
        Tensor placed = features.add(_columns).add(_rows); // [B, N, channels]
        Tensor empty = placed.sum(-1, keepdim: true).eq(0); // [B, N, 1]
        Tensor x = training.Drop(_input.Apply(placed.to_type(_type)).relu()); // [B, N, channels] -> [B, N, d]
        x = _norm.Run(x, _config.NormEpsilon);
        run.Count("encoder", features.size(0) * CaptionFlops.Input(_config));
        run.Value("input.ln", x);
        x = x.masked_fill(empty, 0);

        // A row that has any zero is not seen. That is meant for padding, which is zero all over, and reaches no other row but by chance.
        Tensor mask = x.eq(0).any(-1).unsqueeze(1).unsqueeze(1); // [B, N, d] -> [B, 1, 1, N]
        Tensor bias = Bias(run);
        foreach (EncoderLayer layer in _layers)
        {
            run.Cancellation.ThrowIfCancellationRequested();
            x = layer.Run(x, mask, bias, plan, training, run);
        }

        return new EncodedGrid(x.MoveToOuterDisposeScope(), mask.MoveToOuterDisposeScope());
    }

    public void Dispose()
    {
        foreach (EncoderLayer? layer in _layers)
        {
            layer?.Dispose();
        }

        _columns.Dispose();
        _rows.Dispose();
        _distances.Dispose();
        _bias?.Dispose();
    }

    private void Check(Tensor features)
    {
        if (features.dim() != 3 || features.size(1) != _config.Cells || features.size(2) != _config.Features)
        {
            throw new ApertureException(
                $"{DtNetFactory.CaptionerName}: features of shape [{string.Join(", ", features.shape)}]; this checkpoint takes [pictures, {_config.Cells}, "
                + $"{_config.Features}]: a grid of {_config.Grid}x{_config.Grid} vectors of {_config.Features} channels.");
        }
    }

    // The logarithm of what each head makes of the distances: [N, N, 64] -> [1, heads, N, N]. It is the same for all pictures while nothing is trained.
    private Tensor Bias(TaskRun run)
    {
        if (_bias is { } known && run.Trace is null)
        {
            return known.alias();
        }

        using DisposeScope scope = NewDisposeScope();
        Tensor weights = stack([.. _geometry.Select(head => head.Apply(_distances).squeeze(-1))], 0).unsqueeze(0).relu();
        Tensor bias = weights.clamp(min: 1e-6).log();
        run.Value("geometry.embedding", _distances);
        run.Value("geometry.relu_wg", weights);
        run.Value("geometry.log_bias", bias);
        bias = bias.to_type(_type);
        if (_bias is null && !_geometry[0].Bias!.requires_grad)
        {
            _bias = bias.clone().DetachFromDisposeScope();
        }

        return bias.MoveToOuterDisposeScope();
    }
}

/// <summary>Encoded pictures.</summary>
/// <param name="Rows"><c>[B, N, d]</c>.</param>
/// <param name="Mask">Bool <c>[B, 1, 1, N]</c>, true where a row is not to be looked at.</param>
internal readonly record struct EncodedGrid(Tensor Rows, Tensor Mask);
