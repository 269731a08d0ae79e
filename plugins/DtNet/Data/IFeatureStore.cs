namespace Aperture.Plugins.DtNet.Data;

/// <summary>Arrays of pictures by name, in a file.</summary>
internal interface IFeatureStore : IDisposable
{
    /// <summary>The file, for messages.</summary>
    string Path { get; }

    /// <summary>Whether there is an array of a name.</summary>
    bool Contains(string name);

    /// <summary>Some names of what there is, for messages.</summary>
    IEnumerable<string> SomeNames { get; }

    /// <summary>Reads an array.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>Its sizes and its values as float32, row-major.</returns>
    /// <exception cref="ApertureException">It is damaged or no array of numbers.</exception>
    (long[] Shape, float[] Values) Read(string name);
}
