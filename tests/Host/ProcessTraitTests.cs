using System.Diagnostics;
using System.Reflection;
using Aperture.Host.Tests.Cli;
using Aperture.Host.Tests.Workshop;

namespace Aperture.Host.Tests;

/// <summary>
/// <c>dotnet test --filter "Category!=Process"</c> leaves out every test that starts a process (and a few that keep one busy for long), because those take
/// most of the time. Seen in the compiled tests: a test without the trait reaches no start of a process, through helpers neither.
/// </summary>
public sealed class ProcessTraitTests
{
    private const BindingFlags All = BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;

    [Fact]
    public void Every_test_that_starts_a_process_carries_the_trait()
    {
        MethodInfo[] tests = [.. typeof(ProcessTraitTests).Assembly.GetTypes().Where(type => !type.IsAbstract).SelectMany(Tests)];
        Assert.True(tests.Length > 300, $"{tests.Length} tests found");

        IEnumerable<MethodInfo> without = tests.Where(test => !Carries(test) && !Carries(test.ReflectedType!) && Starts(test));
        Assert.Empty(without.Select(test => $"{test.ReflectedType!.FullName}.{test.Name}"));
    }

    [Theory]
    [InlineData(typeof(RunCommandTests), true)] // through an asynchronous helper
    [InlineData(typeof(ReplCommandTests), true)] // at a terminal
    [InlineData(typeof(PluginTemplateTests), true)] // by itself
    [InlineData(typeof(ShelfTests), false)]
    public void A_start_is_seen_through_helpers(Type type, bool starts) => Assert.Equal(starts, Tests(type).Any(Starts));

    private static IEnumerable<MethodInfo> Tests(Type type) => type.GetMethods(All).Where(method => method.GetCustomAttributes<FactAttribute>().Any());

    private static bool Carries(MemberInfo member) => CustomAttributeData.GetCustomAttributes(member)
        .Where(attribute => attribute.AttributeType == typeof(TraitAttribute))
        .Any(trait => trait.ConstructorArguments.Select(argument => argument.Value).SequenceEqual(["Category", "Process"]));

    // With the test run the constructors and the setting up of its class and of its fixtures.
    private static bool Starts(MethodInfo test)
    {
        Type type = test.ReflectedType!;
        IEnumerable<Type> fixtures = type.GetInterfaces()
            .Where(face => face.IsGenericType && face.GetGenericTypeDefinition() == typeof(IClassFixture<>))
            .Select(face => face.GenericTypeArguments[0]);
        HashSet<MethodBase> seen = [];
        return fixtures.Append(type)
            .SelectMany(Beginnings)
            .Prepend(test)
            .SelectMany(method => CalledMethods.Reached(method, seen))
            .Any(called => called.DeclaringType == typeof(Process) && called.Name == nameof(Process.Start));
    }

    private static IEnumerable<MethodBase> Beginnings(Type type) =>
        [.. type.GetConstructors(All), .. type.GetMethods(All).Where(method => method.Name == nameof(IAsyncLifetime.InitializeAsync))];
}
