using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Foreign.Tests;

/// <summary>
/// The weights of a BERT in an ONNX graph, under their published names. Biases, norms and tables have them; a matrix is anonymous and stored turned: it is the
/// one whose product a named bias is added to.
/// </summary>
internal static class OnnxBert
{
    private const int Graph = 7, Node = 1, Initializer = 5; // fields of a model and its graph
    private const int Input = 1, Output = 2, Operation = 4; // of a node
    private const int Sizes = 1, Type = 2, Name = 8, Raw = 9, Float = 1; // of a tensor, and its element type
    private const string Bias = ".bias", Weight = ".weight";

    /// <summary>Reads a graph; the caller disposes the weights.</summary>
    public static TensorWeights Read(byte[] model)
    {
        ReadOnlyMemory<byte> graph = Protobuf.Fields(model).Single(field => field.Field == Graph).Bytes;
        List<(int Field, long Number, ReadOnlyMemory<byte> Bytes)> parts = Protobuf.Fields(graph);
        Dictionary<string, Tensor> stored = [];
        foreach (ReadOnlyMemory<byte> part in parts.Where(part => part.Field == Initializer).Select(part => part.Bytes))
        {
            if (Tensor(part) is { } found)
            {
                stored.Add(found.Name, found.Tensor);
            }
        }

        Dictionary<string, string> products = []; // the matrix by the name of what comes out
        Dictionary<string, Tensor> named = stored.Where(pair => pair.Key.Contains('.', StringComparison.Ordinal)).ToDictionary();
        foreach (ReadOnlyMemory<byte> part in parts.Where(part => part.Field == Node).Select(part => part.Bytes))
        {
            (string operation, string[] inputs, string output) = ReadNode(part);
            if (operation == "MatMul" && stored.ContainsKey(inputs[1]))
            {
                products[output] = inputs[1];
            }
            else if (operation == "Add" && inputs.FirstOrDefault(products.ContainsKey) is { } product)
            {
                string bias = inputs.Single(input => input != product);
                named[bias[..^Bias.Length] + Weight] = stored[products[product]].t().contiguous(); // [in, out] -> [out, in]
            }
        }

        foreach (Tensor anonymous in stored.Where(pair => !named.ContainsKey(pair.Key)).Select(pair => pair.Value))
        {
            anonymous.Dispose();
        }

        return new TensorWeights(named);
    }

    private static (string Operation, string[] Inputs, string Output) ReadNode(ReadOnlyMemory<byte> node)
    {
        List<(int Field, long Number, ReadOnlyMemory<byte> Bytes)> fields = Protobuf.Fields(node);
        string[] Texts(int field) => [.. fields.Where(entry => entry.Field == field).Select(entry => Protobuf.Text(entry.Bytes))];
        return (Texts(Operation).Single(), Texts(Input), Texts(Output)[0]);
    }

    // Null for one that holds no floats.
    private static (string Name, Tensor Tensor)? Tensor(ReadOnlyMemory<byte> part)
    {
        List<(int Field, long Number, ReadOnlyMemory<byte> Bytes)> fields = Protobuf.Fields(part);
        if (fields.Single(field => field.Field == Type).Number != Float)
        {
            return null;
        }

        long[] shape =
        [
            .. fields.Where(field => field.Field == Sizes).SelectMany(field => field.Bytes.Length > 0 ? Protobuf.Numbers(field.Bytes) : [field.Number]),
        ];
        string name = Protobuf.Text(fields.Single(field => field.Field == Name).Bytes);
        return (name, tensor(Protobuf.Singles(fields.Single(field => field.Field == Raw).Bytes), shape));
    }
}
