using Aperture.Decoding;
using static TorchSharp.torch;

namespace Aperture.Workshop;

/// <summary>A model as it is trained on shelves: float32 parameters by name, and forwards over what they are now. Owns the parameters.</summary>
internal interface IShelfModel : IDisposable
{
    /// <summary>Where it keeps its parts.</summary>
    ShelfNames Names { get; }

    /// <summary>All parameters.</summary>
    IReadOnlyDictionary<string, Tensor> Tensors { get; }

    /// <summary>The decoder's sizes.</summary>
    DecoderSpec Decoder { get; }

    /// <summary>The patches of a picture, one row each.</summary>
    ShelfPatches Patches { get; }

    /// <summary>Device, element type and threads; borrowed.</summary>
    Ops Ops { get; }

    /// <summary>Token ids of a prompt before its picture.</summary>
    int[] PromptHead { get; }

    /// <summary>The vision encoder's rows <c>[pictures, patches, C]</c>, in the type computed in.</summary>
    /// <param name="pictures">Red, green, blue of each pixel of each picture.</param>
    /// <param name="side">Side of a picture in pixels.</param>
    /// <param name="frozen">Whether no gradients are recorded.</param>
    Tensor Features(byte[][] pictures, int side, bool frozen);

    /// <summary>The projector's rows <c>[…, C] -> […, D]</c>.</summary>
    Tensor Project(Tensor features);

    /// <summary>Writes the model in its published layout.</summary>
    /// <param name="folder">Created if absent.</param>
    void Write(string folder);
}
