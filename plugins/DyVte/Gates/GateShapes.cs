using Aperture.Decoding;
using Aperture.Models;
using Aperture.Weights;

namespace Aperture.Plugins.DyVte.Gates;

/// <summary>Whether gates belong to a model: one a layer, each reading the model's width.</summary>
internal static class GateShapes
{
    /// <summary>Checks names and shapes without reading values.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="keys">Where its gates are.</param>
    /// <param name="where">Its name, for messages.</param>
    /// <param name="decoder">The model.</param>
    /// <param name="input">What the gates are to read.</param>
    /// <returns>Width of the gate input.</returns>
    /// <exception cref="ApertureException">The gates are another model's, or damaged.</exception>
    public static int Check(IWeightSource source, GateKeys keys, string where, DecoderInfo decoder, string input)
    {
        if (keys.Layers.Count != decoder.Layers || keys.Layers[^1] != decoder.Layers - 1)
        {
            throw DyVteOptions.Error(
                $"'{where}' has gates for {keys.Layers.Count} layers (up to layer {keys.Layers[^1]}), but {decoder.Model} has {decoder.Layers} layers; take "
                + "gates that were trained for this model");
        }

        int? expected = GateInputs.Width(input, decoder);
        long? inputs = expected;
        foreach (int layer in keys.Layers)
        {
            long[] first = Shape(source, GateKeys.First(keys.Prefix, layer), where);
            long[] second = Shape(source, GateKeys.Second(keys.Prefix, layer), where);
            if (first.Length != 2 || second.Length != 2 || second[0] != 2 || second[1] != first[0])
            {
                throw DyVteOptions.Error(
                    $"the gate of layer {layer} in '{where}' has shapes [{string.Join(", ", first)}] and [{string.Join(", ", second)}] where [hidden, "
                    + "inputs] and [2, hidden] belong; the file is damaged or no gates file");
            }

            if (first[0] is < 1 or > DyVteOptions.LargestGateHidden)
            {
                throw DyVteOptions.Error(
                    $"the gate of layer {layer} in '{where}' is {first[0]} wide; gates are from 1 to {DyVteOptions.LargestGateHidden} wide, so this is no "
                    + "gates file");
            }

            inputs ??= first[1];
            if (first[1] != inputs)
            {
                throw DyVteOptions.Error(
                    $"the gate of layer {layer} in '{where}' reads {first[1]} values, but with GateInput {input} {decoder.Model} gives "
                    + $"{inputs}{Meaning(input, decoder)}; take gates that were trained for this width and input");
            }
        }

        return (int)inputs!.Value;
    }

    private static string Meaning(string input, DecoderInfo decoder)
        => input == GateInputs.Attention ? " (three times its visual tokens)" : $" (twice its hidden width {decoder.HiddenSize})";

    private static long[] Shape(IWeightSource source, string name, string where)
        => source.Contains(name) ? source.Describe(name).Shape : throw DyVteOptions.Error($"'{where}' has no '{name}'; the file is incomplete");
}
