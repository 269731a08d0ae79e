using Aperture.Decoding;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Quantizing;

/// <summary>Writes the tensors of a checkpoint one by one, some of them quantised and the others as they are stored.</summary>
/// <param name="stored">The checkpoint; borrowed.</param>
/// <param name="chosen">The matrices to quantise, by name.</param>
/// <param name="how">How.</param>
/// <param name="threads">CPU threads.</param>
/// <param name="progress">Told before every tensor; null for nobody.</param>
internal sealed class QuantizedCheckpoint(
    IWeightSource stored, IReadOnlyDictionary<string, WatchedWeight> chosen, QuantizeOptions how, int threads, IProgress<QuantizeProgress>? progress)
{
    private readonly TensorLayout[] _layout =
    [
        .. stored.Names.SelectMany(name => chosen.TryGetValue(name, out WatchedWeight? weight)
            ? CompressedTensors.Layout(how, name, weight.Outputs, weight.Inputs)
            : [Layout(stored, name)]),
    ];

    /// <summary>Bytes of all tensors of the checkpoint.</summary>
    public long BytesBefore { get; } = stored.Names.Sum(name => Layout(stored, name).ByteLength);

    /// <summary>Bytes of all tensors that are written.</summary>
    public long BytesAfter => _layout.Sum(tensor => tensor.ByteLength);

    /// <summary>Writes the files of weights.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="cancellationToken">Checked before every tensor.</param>
    /// <returns>The matrices that were quantised.</returns>
    /// <exception cref="ApertureException">A weight is infinite or no number, or the disk refuses.</exception>
    public IReadOnlyList<QuantizedWeight> Write(string folder, CancellationToken cancellationToken)
    {
        using Ops ops = new(CPU, ScalarType.Float32, threads);
        using ShardedSafetensorsWriter writer = ShardedSafetensorsWriter.Create(folder, _layout);
        List<QuantizedWeight> written = [];
        long done = 0;
        foreach (string name in stored.Names)
        {
            cancellationToken.ThrowIfCancellationRequested();
            progress?.Report(new QuantizeProgress("weights", done, BytesBefore));
            using (Tensor tensor = stored.Load(name))
            {
                if (chosen.TryGetValue(name, out WatchedWeight? weight))
                {
                    written.Add(how.Format == WeightFormat.Int8 ? Eight(writer, tensor, weight, ops) : Four(writer, tensor, weight, ops));
                }
                else
                {
                    writer.Write(name, tensor);
                }
            }

            stored.ReleasePages(name);
            done += Layout(stored, name).ByteLength;
        }

        writer.Complete();
        return written;
    }

    private static QuantizedWeight Eight(ShardedSafetensorsWriter writer, Tensor tensor, WatchedWeight weight, Ops ops)
    {
        using Int8Matrix matrix = Int8Matrix.Quantize(tensor, null, ops, weight.Name);
        CompressedTensors.Write(writer, weight.Name, matrix);
        return new QuantizedWeight(weight.Name, weight.Outputs, weight.Inputs);
    }

    private QuantizedWeight Four(ShardedSafetensorsWriter writer, Tensor tensor, WatchedWeight weight, Ops ops)
    {
        int together = how.Group / CompressedTensors.SmallestGroup;
        using Tensor? importance = how.Questions.Count > 0 ? WeightImportance.Of(weight) : null;
        using Int4Matrix matrix = Int4Matrix.Quantize(tensor, null, ops, weight.Name, together, importance);
        CompressedTensors.Write(writer, weight.Name, matrix, how.Group);
        QuantizedWeight result = new(weight.Name, weight.Outputs, weight.Inputs);
        if (importance is null)
        {
            return result;
        }

        using Int4Matrix nearest = Int4Matrix.Quantize(tensor, null, ops, weight.Name, together, null);
        return result with
        {
            Error = WeightImportance.Error(tensor, matrix, importance),
            NearestError = WeightImportance.Error(tensor, nearest, importance),
        };
    }

    private static TensorLayout Layout(IWeightSource stored, string name)
    {
        WeightInfo info = stored.Describe(name);
        return new TensorLayout(name, info.ScalarType, info.Shape);
    }
}
