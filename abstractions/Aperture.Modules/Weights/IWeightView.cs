namespace Aperture.Weights;

/// <summary>A view of other weights that hands tensors on as they are, under other names or from several sources.</summary>
internal interface IWeightView : IWeightSource
{
    /// <summary>Where a tensor comes from.</summary>
    /// <param name="name">Its name in this view.</param>
    /// <returns>The source behind the view and the tensor's name there; null for one that the view cuts, turns or joins.</returns>
    /// <exception cref="ApertureException">No tensor has this name.</exception>
    (IWeightSource Source, string Name)? Behind(string name);
}
