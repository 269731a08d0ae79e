using Aperture.Decoding;

namespace Aperture.Pipelines;

/// <summary>A token reducer that is one function, as one writes it at a prompt.</summary>
/// <param name="name">How tables and refusals name it.</param>
/// <param name="declare">Says where it acts.</param>
internal sealed class LambdaMethod(string name, Action<IReducerSites> declare) : ITokenReducer
{
    public string Name => name;

    public void Declare(IReducerSites sites) => declare(sites);

    public void Dispose()
    {
    }
}
