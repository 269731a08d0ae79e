using Aperture.Decoding;
using Aperture.Kernels;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.DitSam.Sam;

/// <summary>SAM's prompt encoder: points, boxes and masks to what the mask decoder takes. Borrows its tensors from the loader.</summary>
internal sealed class PromptEncoder
{
    private const int Inside = 1, Outside = 0, Padding = -1, FirstCorner = 2, SecondCorner = 3;

    private readonly Tensor _frequencies, _notAPoint, _noMask;
    private readonly Tensor[] _kinds;
    private readonly (Tensor Weight, Tensor Bias) _half, _quarter, _wide;
    private readonly MapNorm _norm1, _norm2;

    /// <summary>Loads the encoder.</summary>
    public PromptEncoder(WeightLoader loader, SamConfig config)
    {
        int p = config.PromptWidth, m = config.MaskChannels;
        _frequencies = loader.Tensor(SamKeys.Prompts + "pe_layer.positional_encoding_gaussian_matrix", 2, p / 2);
        _kinds = [.. Enumerable.Range(0, 4).Select(kind => loader.Tensor($"{SamKeys.Prompts}point_embeddings.{kind}.weight", 1, p))];
        _notAPoint = loader.Tensor(SamKeys.Prompts + "not_a_point_embed.weight", 1, p);
        _noMask = loader.Tensor(SamKeys.NoMask, 1, p);
        (Tensor, Tensor) Convolution(int at, long outputs, long inputs, long side)
            => (loader.Tensor($"{SamKeys.MaskPrompt}{at}.weight", outputs, inputs, side, side), loader.Tensor($"{SamKeys.MaskPrompt}{at}.bias", outputs));
        _half = Convolution(0, m / 4, 1, 2);
        _norm1 = MapNorm.Load(loader, SamKeys.MaskPrompt + "1", m / 4);
        _quarter = Convolution(3, m, m / 4, 2);
        _norm2 = MapNorm.Load(loader, SamKeys.MaskPrompt + "4", m);
        _wide = Convolution(6, p, m, 1);
    }

    /// <summary>What stands for no mask: the same vector everywhere, <c>[1, P, 1, 1]</c>; the caller disposes it.</summary>
    public Tensor NoMask => _noMask.view(1, -1, 1, 1);

    /// <summary>Positions of a grid of places.</summary>
    /// <param name="rows">h.</param>
    /// <param name="columns">w.</param>
    /// <returns><c>[1, P, h, w]</c>; the caller disposes it.</returns>
    public Tensor Grid(int rows, int columns)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor Axis(int count) => arange(count, dtype: ScalarType.Float32, device: _frequencies.device).add(0.5).div(count);
        Tensor x = Axis(columns).unsqueeze(0).expand(rows, columns), y = Axis(rows).unsqueeze(1).expand(rows, columns);
        return Encode(stack([x, y], -1)).permute(2, 0, 1).unsqueeze(0).contiguous().MoveToOuterDisposeScope(); // [h, w, P] -> [1, P, h, w]
    }

    /// <summary>Points.</summary>
    /// <param name="coordinates">x and y in pixels of the frame <c>[B, N, 2]</c>; borrowed.</param>
    /// <param name="labels">1 inside, 0 outside, -1 no point; int64 <c>[B, N]</c>; borrowed.</param>
    /// <param name="side">Side of the frame in pixels.</param>
    /// <param name="pad">Whether a point that is none follows: where no box is given.</param>
    /// <returns><c>[B, N (+ 1), P]</c>; the caller disposes it.</returns>
    public Tensor Points(Tensor coordinates, Tensor labels, int side, bool pad)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor at = coordinates.add(0.5), kinds = labels;
        if (pad)
        {
            at = cat([at, zeros(at.size(0), 1, 2, dtype: at.dtype, device: at.device)], 1);
            kinds = cat([kinds, full([kinds.size(0), 1], Padding, kinds.dtype, kinds.device)], 1);
        }

        Tensor encoded = Encode(at.div(side)); // [B, N, 2] -> [B, N, P]
        Tensor Is(int kind) => kinds.eq(kind).unsqueeze(-1);
        encoded = where(Is(Padding), _notAPoint.expand_as(encoded), encoded);
        encoded = where(Is(Outside), encoded.add(_kinds[Outside]), encoded);
        return where(Is(Inside), encoded.add(_kinds[Inside]), encoded).MoveToOuterDisposeScope();
    }

    /// <summary>Boxes.</summary>
    /// <param name="boxes">Left, top, right and bottom in pixels of the frame <c>[B, 4]</c>; borrowed.</param>
    /// <param name="side">Side of the frame in pixels.</param>
    /// <returns>Both corners <c>[B, 2, P]</c>; the caller disposes it.</returns>
    public Tensor Boxes(Tensor boxes, int side)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor corners = Encode(boxes.add(0.5).view(-1, 2, 2).div(side)); // [B, 4] -> [B, 2, 2] -> [B, 2, P]
        return corners.add(stack([_kinds[FirstCorner], _kinds[SecondCorner]], 1)).MoveToOuterDisposeScope();
    }

    /// <summary>Masks.</summary>
    /// <param name="masks">Logits <c>[B, 1, 4 h, 4 w]</c>; borrowed.</param>
    /// <returns><c>[B, P, h, w]</c>; the caller disposes it.</returns>
    public Tensor Masks(Tensor masks)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = F.gelu(_norm1.Run(Convolutions.Run(masks.to_type(_half.Weight.dtype), _half.Weight, _half.Bias, 2))); // -> [B, m / 4, 2 h, 2 w]
        x = F.gelu(_norm2.Run(Convolutions.Run(x, _quarter.Weight, _quarter.Bias, 2))); // -> [B, m, h, w]
        return Convolutions.Run(x, _wide.Weight, _wide.Bias).MoveToOuterDisposeScope(); // -> [B, P, h, w]
    }

    // Sines and cosines of coordinates from 0 to 1: [..., 2] -> [..., P]
    private Tensor Encode(Tensor coordinates)
    {
        Tensor angles = coordinates.mul(2).sub(1).to_type(_frequencies.dtype).matmul(_frequencies).mul(2 * Math.PI);
        return cat([angles.sin(), angles.cos()], -1);
    }
}
