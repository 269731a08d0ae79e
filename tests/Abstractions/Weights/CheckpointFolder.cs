using System.Text.Json.Nodes;
using Aperture.Models;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Weights;

/// <summary>A checkpoint's folder: configuration, and weights of any stored type.</summary>
internal sealed class CheckpointFolder : IDisposable
{
    private readonly List<(string Name, string Type, long[] Shape, byte[] Bytes)> _tensors = [];
    private readonly TemporaryFolder _folder = new();

    public List<string> Notices { get; } = [];

    public string Root => _folder.Root;

    public string this[string name] => _folder[name];

    public CheckpointFolder Add(string name, string type, long[] shape, params byte[] bytes)
    {
        _tensors.Add((name, type, shape, bytes));
        return this;
    }

    public CheckpointFolder Add(string name, long[] shape, params float[] values) => Add(name, "F32", shape, [.. values.SelectMany(BitConverter.GetBytes)]);

    public CheckpointFolder Add(string name, long[] shape, params int[] values) => Add(name, "I32", shape, [.. values.SelectMany(BitConverter.GetBytes)]);

    public CheckpointFolder Halves(string name, long[] shape, params float[] values)
        => Add(name, "F16", shape, [.. values.SelectMany(value => BitConverter.GetBytes((Half)value))]);

    public CheckpointFolder Json(string file, string json)
    {
        File.WriteAllText(_folder[file], json);
        return this;
    }

    public CheckpointFolder Save(string file = "model.safetensors")
    {
        JsonObject header = [];
        List<byte> data = [];
        foreach ((string name, string type, long[] shape, byte[] bytes) in _tensors)
        {
            header[name] = new JsonObject
            {
                ["dtype"] = type,
                ["shape"] = new JsonArray([.. shape.Select(size => JsonValue.Create(size))]),
                ["data_offsets"] = new JsonArray(data.Count, data.Count + bytes.Length),
            };
            data.AddRange(bytes);
        }

        _folder.Write(file, SafetensorsBytes.Of(header.ToJsonString(), [.. data]));
        _tensors.Clear();
        return this;
    }

    /// <summary>A tensor as the checkpoint opens it, and all names there are.</summary>
    public (float[] Values, string[] Names) Load(string name, string? adapter = null)
    {
        using ModelOpening opening = new(CPU) { Adapter = adapter };
        opening.SendNotices(Notices.Add);
        IWeightSource source = CheckpointWeights.Open(new ModelFolder(Root), opening);
        using Tensor loaded = source.Load(name);
        Assert.Equal(source.Describe(name).Shape, loaded.shape);
        Assert.Equal(source.Describe(name).ScalarType, loaded.dtype);
        using Tensor values = loaded.to_type(ScalarType.Float32).contiguous();
        return (values.data<float>().ToArray(), [.. source.Names.Order(StringComparer.Ordinal)]);
    }

    public string Refused(string? adapter = null)
    {
        using ModelOpening opening = new(CPU) { Adapter = adapter };
        string message = Assert.Throws<ApertureException>(() => CheckpointWeights.Open(new ModelFolder(Root), opening)).Message;
        Assert.DoesNotContain('\n', message);
        return message;
    }

    public void Dispose() => _folder.Dispose();
}
