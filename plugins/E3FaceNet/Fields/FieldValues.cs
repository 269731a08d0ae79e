using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Fields;

/// <summary>What a field says of points. Owns its tensors.</summary>
/// <param name="Features">Colour and features of each sample, <c>[B, N, S, 3 + C]</c>.</param>
/// <param name="Density">Raw density, <c>[B, N, S]</c>.</param>
internal sealed record FieldValues(Tensor Features, Tensor Density) : IDisposable
{
    // Keeps the quotient finite.
    private const double Smallest = 1e-7;
    private const int Colours = 3;

    /// <summary>
    /// Takes apart what a field's last product gave. Features are normalised along the rows of rays, not over channels: the published weights expect it so.
    /// </summary>
    /// <param name="values">Density, colour and features, <c>[B, N S, 1 + 3 + C]</c>; borrowed.</param>
    /// <param name="rows">Rows of rays.</param>
    /// <param name="samples">S.</param>
    /// <returns>The values; the caller disposes them.</returns>
    public static FieldValues Of(Tensor values, int rows, int samples)
    {
        using DisposeScope scope = NewDisposeScope();
        long batch = values.size(0), points = values.size(1), columns = points / samples / rows;
        Tensor density = values.select(-1, 0).view(batch, -1, samples).contiguous(); // [B, N S] -> [B, N, S]
        Tensor features = values.narrow(-1, 1 + Colours, values.size(-1) - 1 - Colours).reshape(batch, rows, columns, samples, -1); // -> [B, rows, W, S, C]
        Tensor length = features.square().sum(2, keepdim: true).sqrt(); // -> [B, rows, 1, S, C]
        Tensor normalised = features.div(length.add(Smallest)).view(batch, points, -1); // -> [B, N S, C]
        Tensor all = cat([values.narrow(-1, 1, Colours), normalised], -1).view(batch, -1, samples, values.size(-1) - 1); // -> [B, N, S, 3 + C]
        return new FieldValues(all.MoveToOuterDisposeScope(), density.MoveToOuterDisposeScope());
    }

    /// <summary>The same values, handed to the scope around the current one.</summary>
    public FieldValues Outwards()
    {
        Features.MoveToOuterDisposeScope();
        Density.MoveToOuterDisposeScope();
        return this;
    }

    /// <summary>Disposes the tensors.</summary>
    public void Dispose()
    {
        Features.Dispose();
        Density.Dispose();
    }
}
