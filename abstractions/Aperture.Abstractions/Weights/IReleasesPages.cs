namespace Aperture.Weights;

/// <summary>A weight source that can give a tensor's mapped pages back to the system once its values have been converted, so that loading never holds a model twice.</summary>
public interface IReleasesPages
{
    /// <summary>Gives back the pages of a tensor's values. They can still be read again afterwards.</summary>
    /// <param name="name">The checkpoint's name of the tensor.</param>
    void Release(string name);
}
