using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>A checkpoint's tensor that a model multiplies with as a linear layer.</summary>
/// <param name="folder">The checkpoint's folder.</param>
/// <param name="name">The tensor's name there.</param>
/// <param name="loadedAs">The canonical name that the model loaded it under.</param>
/// <param name="outputs">Output width.</param>
/// <param name="inputs">Input width.</param>
public sealed class WatchedWeight(string folder, string name, string loadedAs, int outputs, int inputs)
{
    private readonly double[] _squares = new double[inputs];

    /// <summary>The checkpoint's folder.</summary>
    public string Folder => folder;

    /// <summary>The tensor's name there.</summary>
    public string Name => name;

    /// <summary>The canonical name that the model loaded it under.</summary>
    public string LoadedAs => loadedAs;

    /// <summary>Output width.</summary>
    public int Outputs => outputs;

    /// <summary>Input width.</summary>
    public int Inputs => inputs;

    /// <summary>Rows it was multiplied with so far.</summary>
    public long Rows { get; private set; }

    /// <summary>The mean square of each input over these rows; zeros before the first.</summary>
    public double[] SecondMoments => [.. _squares.Select(sum => sum / Math.Max(1, Rows))];

    /// <summary>Adds rows.</summary>
    /// <param name="x">The rows <c>[…, in]</c>; borrowed.</param>
    internal void Add(Tensor x)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        Tensor rows = x.reshape(-1, inputs).to_type(ScalarType.Float64); // […, in] -> [rows, in]
        double[] sums = rows.square().sum(dim: 0).data<double>().ToArray(); // [rows, in] -> [in]
        for (int i = 0; i < inputs; i++)
        {
            _squares[i] += sums[i];
        }

        Rows += rows.size(0);
    }
}
