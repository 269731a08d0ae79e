namespace Aperture.Host.Tests.Plugins;

/// <summary>A plugin with one method, written and compiled by a test: what a method does wrong stands in the test that finds it.</summary>
internal static class WrittenPlugin
{
    /// <summary>Compiles a plugin into a folder of its name.</summary>
    /// <param name="parent">The folder's parent.</param>
    /// <param name="name">Name of folder, DLL and method.</param>
    /// <param name="declare">Body of the reducer's <c>Declare</c>; <c>sites</c> is at hand.</param>
    /// <param name="calls">What the reducer calls itself; null for the method's name.</param>
    /// <param name="members">Further members of the reducer.</param>
    /// <returns>The folder.</returns>
    public static string Write(string parent, string name, string declare, string? calls = null, string members = "")
    {
        string folder = Path.Combine(parent, name);
        string runtime = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        string[] references =
        [
            .. new[] { "Aperture.Abstractions", "Aperture.Modules", "TorchSharp", "Microsoft.Extensions.DependencyInjection.Abstractions" }
                .Select(assembly => Path.Combine(AppContext.BaseDirectory, assembly + ".dll")),
            .. new[] { "System.Text.Json", "System.ComponentModel", "System.Collections", "System.Linq", "netstandard" }
                .Select(assembly => Path.Combine(runtime, assembly + ".dll")),
        ];
        CompiledAssembly.Write(Path.Combine(folder, name + ".dll"), Source(name, declare, calls ?? name, members), references);
        return folder;
    }

    private static string Source(string name, string declare, string calls, string members) => $$"""
        using System;
        using System.Collections.Generic;
        using System.Linq;
        using System.Text.Json;
        using Aperture.Decoding;
        using Aperture.Models;
        using Aperture.Plugins;
        using Aperture.Sequences;
        using Aperture.Vision;
        using Microsoft.Extensions.DependencyInjection;
        using static TorchSharp.torch;

        public sealed class WrittenPlugin : IAperturePlugin
        {
            public void Register(IServiceCollection services) => services.AddKeyedSingleton<IMethodFactory, Factory>("{{name}}");
        }

        internal sealed class Factory : IMethodFactory
        {
            public string Name => "{{name}}";
            public string Summary => "Written by a test.";
            public IReadOnlyList<MethodOption> Options => new[] { new MethodOption("Keep", "number", "0.5", "A share.") { Allowed = "0 to 1" } };
            public IDecoderMethod Create(JsonElement options, DecoderInfo decoder, IMethodFiles files) => new Reducer();
        }

        internal sealed class Reducer : ITokenReducer
        {
            {{members}}
            public string Name => "{{calls}}";
            public void Declare(IReducerSites sites)
            {
                {{declare}}
            }
            public void Dispose() { }
        }
        """;
}
