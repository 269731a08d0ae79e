using System.Text.Json;
using Aperture.Plugins;
using Aperture.Tasks;
using Microsoft.Extensions.DependencyInjection;
using static TorchSharp.torch;

namespace Aperture.TestPlugins;

/// <summary>Registers its task as the generic interface, where nothing looks for it.</summary>
public sealed class MistaskedPlugin : IAperturePlugin
{
    public void Register(IServiceCollection services) => services.AddKeyedSingleton<ITaskFactory<IClassifier>, NothingFactory>("nothing");

    private sealed class NothingFactory : ITaskFactory<IClassifier>
    {
        public string Name => "nothing";

        public string Summary => "";

        public string Checkpoints => "";

        public IReadOnlyList<MethodOption> Options => [];

        public bool Recognises(ITaskCheckpoint checkpoint) => false;

        public IClassifier Open(string checkpoint, JsonElement options, Device device, IMethodFiles files)
            => throw new ApertureException("nothing: there is nothing to open.");
    }
}
