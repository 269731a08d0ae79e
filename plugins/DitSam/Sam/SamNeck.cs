using Aperture.Decoding;
using Aperture.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DitSam.Sam;

/// <summary>What follows the transformer in SAM's image encoder: two convolutions without bias, each behind a norm. float16 is computed in float32.</summary>
internal sealed class SamNeck
{
    private readonly Tensor _narrow, _mix;
    private readonly MapNorm _norm1, _norm2;

    /// <summary>Loads the neck.</summary>
    /// <param name="loader">Loads and owns the tensors, in float32 where the transformer is float16.</param>
    /// <param name="width">Width of the transformer.</param>
    /// <param name="channels">Channels of the image embedding.</param>
    public SamNeck(WeightLoader loader, int width, int channels)
    {
        const string Name = SamKeys.Encoder + "neck.";
        _narrow = loader.Tensor(Name + "0.weight", channels, width, 1, 1);
        _norm1 = MapNorm.Load(loader, Name + "1", channels);
        _mix = loader.Tensor(Name + "2.weight", channels, channels, 3, 3);
        _norm2 = MapNorm.Load(loader, Name + "3", channels);
    }

    /// <summary>Multiply-accumulates of one place.</summary>
    public long MacsOfPlace => _narrow.NumberOfElements + _mix.NumberOfElements;

    /// <summary>Rows to the image embedding.</summary>
    /// <param name="rows">Rows of the transformer <c>[B, h * w, d]</c>; borrowed.</param>
    /// <param name="height">h.</param>
    /// <param name="width">w.</param>
    /// <returns><c>[B, C, h, w]</c> in the type of <paramref name="rows"/>; the caller disposes it.</returns>
    public Tensor Run(Tensor rows, int height, int width)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor map = rows.to_type(_narrow.dtype).transpose(1, 2).unflatten(2, [height, width]); // [B, h * w, d] -> [B, d, h, w]
        Tensor narrowed = _norm1.Run(Convolutions.Run(map, _narrow)); // -> [B, C, h, w]
        return _norm2.Run(Convolutions.Run(narrowed, _mix, padding: 1)).to_type(rows.dtype).contiguous().MoveToOuterDisposeScope();
    }
}
