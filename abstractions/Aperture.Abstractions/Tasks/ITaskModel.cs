namespace Aperture.Tasks;

/// <summary>
/// An opened model whose product is not a chat answer. What it makes is told by the interface that extends this one, such as <see cref="IClassifier"/> or
/// <see cref="ISegmenter"/>.
/// Calls come from one thread at a time; the host sees to it.
/// </summary>
public interface ITaskModel : IDisposable
{
    /// <summary>The name of its architecture, as its <see cref="ITaskFactory.Name"/>.</summary>
    string Name { get; }

    /// <summary>One line about what was opened: sizes, variant, what it can be asked for.</summary>
    string Summary { get; }
}
