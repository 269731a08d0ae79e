using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Training;

/// <summary>What a generator makes in training: pictures, and what its losses need. Tensors belong to the caller's scope.</summary>
/// <param name="Picture"><c>[B, 3, H, W]</c>.</param>
/// <param name="Low">The rays' own colours, <c>[B, 3, V, V]</c>.</param>
/// <param name="Points">Where rays end, <c>[B, 3, V, V]</c>.</param>
/// <param name="Depth">How far along their rays, <c>[B, V, V]</c>.</param>
/// <param name="Opacity">How much of each ray the face hides, <c>[B, V, V]</c>.</param>
/// <param name="Map">What rays show as features, <c>[B, C, V, V]</c>.</param>
/// <param name="PathLoss">How far extra rays, taken through the blocks one by one, differ from the picture, <c>[B, 1]</c>; null without them.</param>
/// <param name="Offsets">Offsets of styles, one a block, <c>[B, 1, D]</c>.</param>
internal sealed record TrainingPicture(
    Tensor Picture, Tensor Low, Tensor Points, Tensor Depth, Tensor Opacity, Tensor Map, Tensor? PathLoss, IReadOnlyList<Tensor> Offsets);
