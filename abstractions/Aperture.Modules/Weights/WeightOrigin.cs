namespace Aperture.Weights;

/// <summary>Finds what lies behind views of weights.</summary>
internal static class WeightOrigin
{
    /// <summary>The first source of a kind behind a tensor.</summary>
    /// <param name="source">What the tensor is loaded from.</param>
    /// <param name="name">Its name there.</param>
    /// <param name="isWanted">Whether a source is the one.</param>
    /// <returns>The source and the tensor's name in it; null where there is none or a view between makes another tensor of it.</returns>
    public static (IWeightSource Source, string Name)? Find(IWeightSource source, string name, Predicate<IWeightSource> isWanted)
    {
        while (!isWanted(source))
        {
            if (source is not IWeightView view || view.Behind(name) is not { } behind)
            {
                return null;
            }

            (source, name) = behind;
        }

        return (source, name);
    }
}
