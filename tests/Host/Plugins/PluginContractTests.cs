using System.Runtime.CompilerServices;
using System.Text.Json;
using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Tasks;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.Host.Tests.Plugins;

/// <summary>What every plugin of the catalog promises, whichever it is and whatever it offers. A plugin that is added is tested without a word here.</summary>
[Collection(WholeProcess.Name)]
public sealed class PluginContractTests(LoadedPlugins loaded) : IClassFixture<LoadedPlugins>
{
    private const int Rounds = 5;
    private const string Nonsense = "no-such-option";

    private readonly PluginSandbox _sandbox = loaded.Sandbox;
    private readonly PluginHost _plugins = loaded.Host;

    public static TheoryData<string> Shipped => [.. PluginCatalog.Read().Entries.Where(entry => entry.Enabled).Select(entry => entry.Id)];

    [Theory]
    [MemberData(nameof(Shipped))]
    public async Task It_leaves_memory_and_no_tensor_behind_each_time(string id)
    {
        await using PluginHost own = loaded.Another();
        IReadOnlyList<string> folders = NonsenseFolders.Make(_sandbox.Folder);
        long before = LiveTensors.Settled();
        for (int round = 0; round < Rounds; round++)
        {
            Assert.Null(own.Load(id)?.Message);
            UseEveryPart(own, id, folders);

            PluginUnload unload = await own.UnloadAsync(id);

            Assert.IsType<PluginUnload.Unloaded>(unload);
            Assert.Null(unload.DisposeError);
            Assert.Equal(before, TorchSharp.torch.Tensor.TotalCount);
        }
    }

    [Theory]
    [MemberData(nameof(Shipped))]
    public void It_offers_something_and_describes_all_of_it(string id)
    {
        using PluginLease plugin = _plugins.Lease(id);
        IReadOnlyList<DescribedPart> parts = DescribedPart.Of(plugin);

        Assert.NotEmpty(parts);
        Assert.All(parts, part =>
        {
            AssertLine(part.Name);
            AssertLine(part.Summary);
            Assert.All(part.Shapes, AssertLine);
            Assert.All(part.Options, AssertOptions);
        });
        Assert.All(parts.Where(part => part.Kind == "command"), command => Assert.Matches("^[a-z][a-z0-9-]*$", command.Name));
        Assert.All(DescribedPart.Families(plugin), family =>
        {
            Assert.NotEmpty(family.Recognised);
            Assert.Same(family, plugin.Services.GetRequiredKeyedService<IModelFamily>(family.Name));
        });
        Assert.All(
            DescribedPart.Encoders(plugin),
            encoder => Assert.Same(encoder, plugin.Services.GetRequiredKeyedService<IVisionEncoderFactory>(encoder.Name)));
        Assert.All(plugin.Methods, method =>
        {
            Assert.All(method.WeightKeys, AssertLine);
            if (method.BaselineOption is { } baseline)
            {
                Assert.Contains(baseline, method.Options.Select(option => option.Name));
            }
        });
        Assert.All(plugin.Commands, command => Assert.DoesNotContain(command.Arguments.SkipLast(1), argument => argument.Repeatable));
    }

    [Fact]
    public void No_two_parts_of_a_kind_have_one_name_one_summary_or_one_shape()
    {
        DescribedPart[] parts = [.. _plugins.Catalog.Entries.Where(entry => entry.Enabled).SelectMany(Parts)];

        Assert.All(parts.GroupBy(part => part.Kind), kind =>
        {
            AssertDistinct(kind.Select(part => part.Name));
            AssertDistinct(kind.Select(part => part.Summary));
            AssertDistinct(kind.SelectMany(part => part.Shapes));
        });
    }

    [Theory]
    [MemberData(nameof(Shipped))]
    public void It_refuses_nonsense_options_by_their_name(string id)
    {
        using PluginLease plugin = _plugins.Lease(id);
        string empty = NonsenseFolders.Make(_sandbox.Folder)[0];

        Assert.All(OptionPlace.Of(plugin, _sandbox, empty), place =>
        {
            string refusal = Assert.Throws<ApertureException>(() => place.Bind(JsonElement.Parse($$"""{ "{{Nonsense}}": 1 }"""))).Message;
            AssertLine(refusal);
            Assert.Contains($"unknown option '{Nonsense}'", refusal, StringComparison.Ordinal);
            Assert.Contains(place.Part, refusal, StringComparison.Ordinal);
            string kind = Assert.Throws<ApertureException>(() => place.Bind(JsonElement.Parse("[1]"))).Message;
            AssertLine(kind);
            Assert.Contains(place.Part, kind, StringComparison.Ordinal);
        });
    }

    // What is missing besides, a model above all, may end the call in any way: the option is known.
    [Theory]
    [MemberData(nameof(Shipped))]
    public void It_takes_every_option_that_it_describes(string id)
    {
        using PluginLease plugin = _plugins.Lease(id);
        string empty = NonsenseFolders.Make(_sandbox.Folder)[0];

        Assert.All(OptionPlace.Of(plugin, _sandbox, empty), place => Assert.All(place.Described, option =>
        {
            Exception? end = Record.Exception(() => place.Bind(JsonElement.Parse($$"""{ "{{option.Name.ToUpperInvariant()}}": null }""")));
            Assert.DoesNotContain("unknown option", end?.Message ?? "", StringComparison.OrdinalIgnoreCase);
        }));
    }

    [Theory]
    [MemberData(nameof(Shipped))]
    public void It_recognises_nothing_in_nonsense(string id)
    {
        using PluginLease plugin = _plugins.Lease(id);
        Assert.All(NonsenseFolders.Make(_sandbox.Folder), folder =>
        {
            Assert.All(DescribedPart.Families(plugin), family => Assert.Equal(FamilyMatch.None, family.Recognises(new ModelFolder(folder))));
            Assert.All(Directory.EnumerateFiles(folder).Prepend(folder), path =>
            {
                using TaskCheckpoint checkpoint = new(path);
                Assert.All(plugin.Tasks, task => Assert.False(task.Recognises(checkpoint), path));
            });
        });

        // A configuration that is no JSON nobody can make sense of: a family passes it over, or says which file to mend.
        string unreadable = NonsenseFolders.MakeUnreadable(_sandbox.Folder);
        Assert.All(DescribedPart.Families(plugin), family =>
        {
            FamilyMatch match = FamilyMatch.None;
            if (Record.Exception(() => match = family.Recognises(new ModelFolder(unreadable))) is { } error)
            {
                AssertLine(Assert.IsType<ApertureException>(error).Message);
                Assert.Contains(Path.Combine(unreadable, ModelFolder.ConfigFile), error.Message, StringComparison.Ordinal);
            }

            Assert.Equal(FamilyMatch.None, match);
        });
    }

    [Theory]
    [MemberData(nameof(Shipped))]
    public void Its_methods_run_beside_every_other_or_are_refused_by_name(string id)
    {
        using MethodPairs pairs = new(_plugins);
        string[] all = [.. _plugins.LoadAll(out IReadOnlyList<PluginFailure> failures).Select(method => method.Name)];
        Assert.Empty(failures);
        foreach (string own in _plugins.Plugins.Single(plugin => plugin.Entry.Id == id).Methods.Select(method => method.Name))
        {
            foreach (string other in all)
            {
                if (pairs.Run(own, other) is { } refusal)
                {
                    AssertLine(refusal);
                    Assert.True(new[] { own, other }.Any(name => refusal.Contains(name, StringComparison.Ordinal)), $"{own} + {other}: {refusal}");
                }
            }
        }
    }

    private static void AssertLine(string text)
        => Assert.True(!string.IsNullOrWhiteSpace(text) && text == text.Trim() && !text.Any(char.IsControl), $"no single line: '{text}'");

    private static void AssertOptions(IReadOnlyList<MethodOption> options)
    {
        AssertDistinct(options.Select(option => option.Name));
        AssertDistinct(options.Select(option => option.Summary));
        Assert.All(options.SelectMany(option => new[] { option.Name, option.Type, option.Default, option.Summary }), AssertLine);
    }

    private static void AssertDistinct(IEnumerable<string> texts)
        => Assert.Empty(texts.GroupBy(text => text, StringComparer.OrdinalIgnoreCase).Where(same => same.Count() > 1).Select(same => same.Key));

    private IReadOnlyList<DescribedPart> Parts(PluginEntry entry)
    {
        using PluginLease plugin = _plugins.Lease(entry.Id);
        return DescribedPart.Of(plugin);
    }

    // Makes each method with its default options, where these suffice, and lets it declare its sites; shows folders to whoever recognises some. Nothing of the
    // plugin may be left in the frame of the caller.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void UseEveryPart(PluginHost plugins, string id, IReadOnlyList<string> folders)
    {
        using PluginLease plugin = plugins.Lease(id);
        Assert.NotEmpty(DescribedPart.Of(plugin));
        foreach (string folder in folders)
        {
            Assert.All(DescribedPart.Families(plugin), family => family.Recognises(new ModelFolder(folder)));
            using TaskCheckpoint checkpoint = new(folder);
            Assert.All(plugin.Tasks, task => task.Recognises(checkpoint));
        }

        foreach (IMethodFactory factory in plugin.Methods)
        {
            try
            {
                using LeasedMethod method = plugins.Create(factory.Name, default, PluginSandbox.Decoder, _sandbox);
                (method.Method as ITokenReducer)?.Declare(AnySites.Reducer);
                (method.Method as ILayerRouter)?.Declare(AnySites.Router);
            }
            catch (ApertureException error)
            {
                // A method may need an option or a fitted file; then saying so is what it does.
                AssertLine(error.Message);
            }
        }
    }
}
