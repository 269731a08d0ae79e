using System.Globalization;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.DyVte.Gates;

/// <summary>Finds, opens and writes gates: inside a DyVTE checkpoint under the published names, or in a safetensors file that holds nothing else.</summary>
internal static class GateFiles
{
    /// <summary>Where trained gates lie beside a model.</summary>
    public const string Beside = "dyvte/gates.safetensors";

    /// <summary>Opens the gates that options name or the model brings.</summary>
    /// <param name="options">The options.</param>
    /// <param name="decoder">The model.</param>
    /// <param name="files">Finds files.</param>
    /// <returns>The gates; the caller disposes them.</returns>
    /// <exception cref="ApertureException">There are none, or they are another model's.</exception>
    public static GateSet Open(DyVteOptions options, DecoderInfo decoder, IMethodFiles files)
    {
        if (options.Gates == DyVteOptions.RandomGates)
        {
            int inputs = GateInputs.Width(options.GateInput, decoder)
                ?? throw DyVteOptions.Error(
                    $"random gates that read attention need a fixed number of visual tokens, which {decoder.Model} does not have; give a gates file");
            return Set(
                new GateTensors(GateInitialisation.Create(decoder.Layers, inputs, options.GateHidden, options.Seed)), GateKeys.Published, inputs, options);
        }

        (IWeightSource source, GateKeys keys, int width) = OpenChecked(options, decoder, files);
        return Set(source, keys.Prefix, width, options);
    }

    /// <summary>Copies gates into memory, to be trained on.</summary>
    /// <returns>float32 tensors by published name; the caller disposes them.</returns>
    /// <inheritdoc cref="Open"/>
    public static Dictionary<string, Tensor> Copy(DyVteOptions options, DecoderInfo decoder, IMethodFiles files)
    {
        (IWeightSource source, GateKeys keys, _) = OpenChecked(options, decoder, files);
        using (source)
        {
            Dictionary<string, Tensor> gates = new(StringComparer.Ordinal);
            foreach (int layer in keys.Layers)
            {
                gates[GateKeys.First(GateKeys.Published, layer)] = source.LoadCopy(GateKeys.First(keys.Prefix, layer), ScalarType.Float32)
                    .DetachFromDisposeScope();
                gates[GateKeys.Second(GateKeys.Published, layer)] = source.LoadCopy(GateKeys.Second(keys.Prefix, layer), ScalarType.Float32)
                    .DetachFromDisposeScope();
            }

            return gates;
        }
    }

    /// <summary>Writes gates under their published names, with what they belong to in the header.</summary>
    /// <param name="path">The file; replaced in one step.</param>
    /// <param name="gates">Gates of all layers by published name; borrowed.</param>
    /// <param name="decoder">The model they were trained for.</param>
    /// <param name="hidden">Their hidden width.</param>
    /// <param name="input">What they read.</param>
    public static void Write(string path, IReadOnlyDictionary<string, Tensor> gates, DecoderInfo decoder, int hidden, string input)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        SafetensorsWriter.Save(path, gates, Metadata(decoder, hidden, input));
    }

    /// <summary>The header of a gates file.</summary>
    public static Dictionary<string, string> Metadata(DecoderInfo decoder, int hidden, string input) => new(StringComparer.Ordinal)
    {
        ["format"] = "pt",
        ["method"] = DyVteFactory.MethodName,
        ["base"] = decoder.Model,
        ["layers"] = decoder.Layers.ToString(CultureInfo.InvariantCulture),
        ["hidden"] = decoder.HiddenSize.ToString(CultureInfo.InvariantCulture),
        ["gateHidden"] = hidden.ToString(CultureInfo.InvariantCulture),
        ["input"] = GateInputs.NameInFile(input),
    };

    private static GateSet Set(IWeightSource source, string prefix, int inputs, DyVteOptions options)
        => new(source, prefix, inputs, onHost: options.GatePlacement == "host", single: options.GateDType == "fp32");

    private static (IWeightSource Source, GateKeys Keys, int Inputs) OpenChecked(DyVteOptions options, DecoderInfo decoder, IMethodFiles files)
    {
        string path = Find(options, files);
        IWeightSource source = WeightFiles.Open(path);
        try
        {
            GateKeys keys = GateKeys.Find(source) ?? throw DyVteOptions.Error(
                $"'{path}' holds no gates (names such as {GateKeys.First(GateKeys.Published, 0)}); name a DyVTE checkpoint or a gates file with Gates, train "
                + "gates, or set FixedExitLayer");
            CheckMetadata(source, path, options);
            return (source, keys, GateShapes.Check(source, keys, path, decoder, options.GateInput));
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    private static string Find(DyVteOptions options, IMethodFiles files)
    {
        if (options.Gates is { } named)
        {
            return Directory.Exists(named) ? named : files.Resolve(named);
        }

        string folder = files.ModelFolder is { Length: > 0 } own
            ? own
            : throw DyVteOptions.Error(
                "the model has no folder to look for gates in; name a DyVTE checkpoint or a gates file with Gates, or set FixedExitLayer");
        string beside = Path.Combine(folder, Beside);
        return File.Exists(beside) ? beside : folder;
    }

    // Two inputs can have one width; a file of ours says which it was trained on.
    private static void CheckMetadata(IWeightSource source, string path, DyVteOptions options)
    {
        if (source is SafetensorsFile file && file.Metadata.TryGetValue("input", out string? input) && input != GateInputs.NameInFile(options.GateInput))
        {
            throw DyVteOptions.Error(
                $"the gates in '{path}' read {input}, not {GateInputs.NameInFile(options.GateInput)}; set GateInput to "
                + $"{GateInputs.Names.FirstOrDefault(name => GateInputs.NameInFile(name) == input) ?? "what they were trained on"}");
        }
    }
}
